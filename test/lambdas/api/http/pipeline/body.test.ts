/** The body of a request: read, malformed, of another type, too large. */
import { describe, expect, test } from 'vitest';
import { ask, signTokens, token } from './echo-api.ts';

signTokens();

describe('a body', () => {
  const post = (body: string | object, more = {}) => ask('/v2.1/echo', { method: 'POST', token, body, ...more });

  test('is read, also when the gateway sends it as base64', async () => {
    for (const base64 of [false, true]) {
      const { status, body, headers } = await post({ name: 'ä€😀' }, { base64 });
      expect([status, body, headers.location]).toEqual([202, { name: 'ä€😀' }, 'here']);
    }
  });

  test.each(['', '{', '[]', 'null', '"x"', '5', '{"name": "\\u0000"}', '{"a\\u0000": 1}', '{"name": "\\ud800"}'])(
    '%s is malformed',
    async (text) => {
      const { status, body } = await post(text);
      expect([status, body]).toEqual([400, { badRequest: { code: 400, message: 'Malformed request body' } }]);
    },
  );

  test('that nests without end is malformed', async () => {
    expect((await post(`{"name": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`)).status).toBe(400);
  });

  test('of another type is 415', async () => {
    const { status, body } = await post('name=x', { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect([status, body.badMediaType?.code]).toEqual([415, 415]);
    for (const type of ['application/xml', 'application/vnd.openstack.compute+xml', 'application/vnd.openstack.computer+json']) {
      expect((await post({ name: 'x' }, { headers: { 'content-type': type } })).status, type).toBe(415);
    }
  });

  test.each([
    'application/json; charset=utf-8',
    'application/vnd.openstack.compute+json',
    'application/vnd.openstack.compute+json;version=2.1',
  ])('as the version document calls it, %s, is JSON', async (type) => {
    expect((await post({ name: 'x' }, { headers: { 'content-type': type } })).status).toBe(202);
  });

  test('may hold 112 KiB, no more', async () => {
    const envelope = JSON.stringify({ name: '' }).length;
    expect((await post({ name: 'x'.repeat(114_688 - envelope) })).status).toBe(202);
    const { status, body } = await post({ name: 'x'.repeat(114_689 - envelope) });
    expect([status, body]).toEqual([413, { overLimit: { code: 413, message: 'Request is too large.' } }]);
  });
});
