import { describe, expect, test } from 'vitest';
import { HttpError } from '../../../../../lambdas/api/http/pipeline/http-error.ts';
import { publicRoute, type Route } from '../../../../../lambdas/api/http/routing/route.ts';
import { routeTable } from '../../../../../lambdas/api/http/routing/route-table.ts';

function stub(method: Route['method'], path: `/${string}`, range: { from?: number; to?: number } = {}): Route {
  return publicRoute({ method, path, ...range, handle: async () => ({ status: 204 }) });
}

const list = stub('GET', '/servers');
const detail = stub('GET', '/servers/detail');
const show = stub('GET', '/servers/{id}');
const remove = stub('DELETE', '/servers/{id}');
const tags = stub('GET', '/servers/{server}/tags/{tag}', { from: 26 });
const oldKeys = stub('GET', '/os-keypairs', { to: 9 });
const newKeys = stub('GET', '/os-keypairs', { from: 10 });
const find = routeTable([show, list, remove, detail, tags, oldKeys, newKeys]);

function found(method: string, path: string, microversion = 1): Route | number {
  const answer = find(method, path, microversion);
  return answer instanceof HttpError ? answer.status : answer.route;
}

describe('a route table', () => {
  test('prefers static segments to parameters', () => {
    expect(found('GET', '/servers/detail')).toBe(detail);
    expect(found('GET', '/servers/details')).toBe(show);
    expect(found('DELETE', '/servers/detail')).toBe(remove);
  });

  test('returns parameters by name, taken literally', () => {
    expect(find('GET', '/servers/a b%/tags/ä', 26)).toMatchObject({ params: { server: 'a b%', tag: 'ä' } });
  });

  test('answers 404 for unknown paths, empty parameters and NUL', () => {
    for (const path of ['/nothing', '/servers/', '/servers/1/2', '/Servers', '/servers/\0']) expect(found('GET', path), path).toBe(404);
  });

  test('answers 405 with what is allowed for a wrong method', () => {
    const answer = find('PUT', '/servers/1', 1);
    expect(answer).toBeInstanceOf(HttpError);
    expect(answer).toMatchObject({ status: 405, headers: { Allow: 'DELETE, GET' } });
  });

  test('chooses by microversion, with 404 outside the range', () => {
    expect(found('GET', '/os-keypairs', 9)).toBe(oldKeys);
    expect(found('GET', '/os-keypairs', 10)).toBe(newKeys);
    expect(found('GET', '/servers/1/tags/t', 25)).toBe(404);
    expect(found('GET', '/servers/1/tags/t', 26)).toBe(tags);
  });

  test('refuses routes that contradict each other', () => {
    expect(() => routeTable([stub('GET', '/a/{x}', { to: 5 }), stub('GET', '/a/{y}', { from: 5 })])).toThrow(/two routes/);
    expect(() => routeTable([stub('GET', '/a', { to: 4 }), stub('GET', '/a', { from: 5 }), stub('POST', '/a')])).not.toThrow();
  });
});
