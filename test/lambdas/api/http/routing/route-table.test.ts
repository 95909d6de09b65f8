import { describe, expect, test } from 'vitest';
import { findMicroversion, latest, type Microversion } from '../../../../../lambdas/api/compute/microversions.ts';
import { HttpError } from '../../../../../lambdas/api/http/pipeline/http-error.ts';
import { type PublicRouteDefinition, publicRoute, type Route } from '../../../../../lambdas/api/http/routing/route.ts';
import { routeTable } from '../../../../../lambdas/api/http/routing/route-table.ts';

/** The microversion 2.N. */
function at(minor: number): Microversion {
  return findMicroversion(`2.${minor}`) ?? latest;
}

function stub(
  method: Route['method'],
  path: `/${string}`,
  range: Pick<PublicRouteDefinition<undefined, undefined>, 'from' | 'until'> = {},
): Route {
  return publicRoute({ method, path, ...range, handle: async () => ({ status: 204 }) });
}

const list = stub('GET', '/servers');
const detail = stub('GET', '/servers/detail');
const show = stub('GET', '/servers/{id}');
const remove = stub('DELETE', '/servers/{id}');
const tags = stub('GET', '/servers/{server}/tags/{tag}', { from: 'serverTags' });
const oldKeys = stub('GET', '/os-keypairs', { until: 'keypairsOfOthers' });
const newKeys = stub('GET', '/os-keypairs', { from: 'keypairsOfOthers' });
const find = routeTable([show, list, remove, detail, tags, oldKeys, newKeys]);

function found(method: string, path: string, microversion = 1): Route | number {
  const answer = find(method, path, at(microversion));
  return answer instanceof HttpError ? answer.status : answer.route;
}

describe('a route table', () => {
  test('prefers static segments to parameters', () => {
    expect(found('GET', '/servers/detail')).toBe(detail);
    expect(found('GET', '/servers/details')).toBe(show);
    expect(found('DELETE', '/servers/detail')).toBe(remove);
  });

  test('returns parameters by name, taken literally', () => {
    expect(find('GET', '/servers/a b%/tags/ä', at(26))).toMatchObject({ params: { server: 'a b%', tag: 'ä' } });
  });

  test('answers 404 for unknown paths, empty parameters and NUL', () => {
    for (const path of ['/nothing', '/servers/', '/servers/1/2', '/Servers', '/servers/\0']) expect(found('GET', path), path).toBe(404);
  });

  test('answers 405 with what is allowed for a wrong method', () => {
    const answer = find('PUT', '/servers/1', at(1));
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
    expect(() => routeTable([stub('GET', '/a/{x}', { until: 'serverLocked' }), stub('GET', '/a/{y}', { from: 'ip6Filter' })])).toThrow(
      /two routes/,
    );
    expect(() =>
      routeTable([stub('GET', '/a', { until: 'ip6Filter' }), stub('GET', '/a', { from: 'ip6Filter' }), stub('POST', '/a')]),
    ).not.toThrow();
  });
});
