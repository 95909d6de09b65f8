import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../fixtures/cloud.ts';
import { type Answer, badRequest, expectNothing, good, sendRaw } from './raw-requests.ts';

let cloud: Cloud;
let user: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  user = await cloud.newUser();
});
afterAll(() => cloud?.stop());
afterEach(() => expectNothing(user));

function send(method: string, path: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return sendRaw(cloud, user, method, path, body, headers);
}

describe('a body that is none', () => {
  test.each([
    ['nothing', ''],
    ['half an object', '{"server": {'],
    ['a byte order mark before it', `\ufeff${JSON.stringify({ server: good })}`],
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"server"'],
    ['NUL in a value', JSON.stringify({ server: { ...good, name: 'a\0b' } })],
    ['NUL in a key', JSON.stringify({ server: { ...good, metadata: { 'a\0': 'b' } } })],
    ['NUL deep in hints', JSON.stringify({ server: good, 'os:scheduler_hints': { query: { a: ['\0'] } } })],
    ['half a surrogate pair in a value', '{"server": {"name": "\\ud83d"}}'],
    ['half a surrogate pair in a key', '{"server": {"metadata": {"\\udc00": "x"}}}'],
    ['nesting beyond reason', `{"server": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
  ])('is malformed: %s', async (_, body) => {
    expect(await send('POST', '/servers', body)).toEqual(badRequest('Malformed request body'));
  });

  test('is malformed when its bytes are no UTF-8', async () => {
    const bytes = Buffer.from(JSON.stringify({ server: { ...good, name: '\xff' } }), 'latin1');
    expect(await send('POST', '/servers', bytes)).toEqual(badRequest('Malformed request body'));
  });

  test.each([100, 1_000, 2_000, 3_000, 5_000, 8_000])('is refused in words when nested %i deep', async (depth) => {
    const nested = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    for (const body of [
      `{"server": ${nested}}`,
      `{"server": {"name": ${nested}}}`,
      `{"server": {"name": "n", "metadata": ${nested}}}`,
      JSON.stringify({ server: { ...good, flavorRef: 'unknown' } }).replace(/}$/, `, "os:scheduler_hints": {"query": ${nested}}}`),
    ]) {
      expect(await send('POST', '/servers', body)).toMatchObject({ status: 400, fault: 'badRequest' });
    }
  });

  test('is too large at 2 MB', async () => {
    const answer = await send('POST', '/servers', JSON.stringify({ server: { ...good, user_data: 'A'.repeat(2_000_000) } }));
    expect(answer).toMatchObject({ status: 413, fault: 'overLimit' });
  });

  test('has another type', async () => {
    const answer = await send('POST', '/servers', '<server/>', { 'Content-Type': 'application/xml' });
    expect(answer).toEqual({ status: 415, fault: 'badMediaType', message: expect.stringMatching(/^Unsupported Content-Type/) });
  });
});

describe('a request is refused', () => {
  test.each<[string, string, number, string, string]>([
    ['GET', '/nothing', 404, 'itemNotFound', 'The resource could not be found.'],
    ['GET', '/servers/a/b/c', 404, 'itemNotFound', 'The resource could not be found.'],
    ['PATCH', '/servers', 405, 'badMethod', 'The method specified is not allowed for this resource.'],
    ['DELETE', '/flavors', 405, 'badMethod', 'The method specified is not allowed for this resource.'],
  ])('%s %s', async (method, path, status, fault, message) => {
    expect(await send(method, path)).toEqual({ status, fault, message });
  });

  test.each<[string, number, string, string]>([
    ['compute 2.101', 406, 'computeFault', 'Version 2.101 is not supported by the API. Minimum is 2.1 and maximum is 2.100.'],
    ['compute 3.0', 406, 'computeFault', 'Version 3.0 is not supported by the API. Minimum is 2.1 and maximum is 2.100.'],
    ['compute two', 400, 'badRequest', 'API Version String two is of invalid format. Must be of format MajorNum.MinorNum.'],
  ])('with version %s', async (version, status, fault, message) => {
    expect(await send('GET', '/servers', undefined, { 'OpenStack-API-Version': version })).toEqual({ status, fault, message });
  });

  test.each([
    ['no token', undefined],
    ['a forged token', `${'x'.repeat(20)}.${'y'.repeat(20)}.${'z'.repeat(20)}`],
  ])('with %s', async (_, token) => {
    const body = JSON.stringify({ server: good });
    const headers = { 'Content-Type': 'application/json', ...(token ? { 'X-Auth-Token': token } : {}) };
    const reply = await fetch(`${cloud.service.url}/v2.1/servers`, { method: 'POST', headers, body });
    expect([reply.status, await reply.json()]).toEqual([
      401,
      { error: { code: 401, title: 'Unauthorized', message: 'The request you have made requires authentication.' } },
    ]);
  });

  test("with a project in its path that is not the token's", async () => {
    const other = 'f'.repeat(32);
    expect(await send('GET', `/v2.1/${other}/servers`)).toEqual(
      badRequest(`Malformed request URL: URL's project_id '${other}' doesn't match Context's project_id '${user.projectId}'`),
    );
  });

  test('with a path that is no proper percent-encoding', async () => {
    const status = await new Promise((resolve, reject) => {
      const { hostname, port } = new URL(cloud.service.url);
      const headers = { 'X-Auth-Token': user.token };
      const sent = request({ hostname, port, path: '/v2.1/servers/%ff%', headers }, (reply) => resolve(reply.resume().statusCode));
      sent.on('error', reject);
      sent.end();
    });
    expect(status).toBe(404);
  });
});
