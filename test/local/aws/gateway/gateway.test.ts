import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Gateway, PortInUse, startGateway } from '../../../../local/aws/gateway/gateway.ts';

let gateway: Gateway;
let events: APIGatewayProxyEventV2[] = [];

function named(name: string) {
  return async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
    events.push(event);
    if (event.rawPath === '/throw') throw new Error('boom');
    if (event.rawPath === '/slow') await sleep(300);
    if (event.rawPath === '/empty') return { statusCode: 204, headers: { 'X-Name': name } };
    if (event.rawPath === '/binary') return { statusCode: 200, body: Buffer.from([0, 255]).toString('base64'), isBase64Encoded: true };
    return { statusCode: 202, headers: { 'X-Name': name, 'Content-Type': 'application/json' }, body: '{"ä":1}', cookies: ['a=1', 'b=2'] };
  };
}

const functions = { compute: named('compute'), identity: named('identity'), image: named('image') };

beforeAll(async () => {
  gateway = await startGateway({ host: '127.0.0.1', port: 0, functions });
});
afterAll(() => gateway.close());
afterEach(() => {
  events = [];
  vi.restoreAllMocks();
});

async function nameFor(path: string): Promise<string | null> {
  const answer = await fetch(gateway.url + path);
  await answer.arrayBuffer();
  return answer.headers.get('x-name');
}

describe('the local gateway', () => {
  test.each([
    ['/', 'compute'],
    ['/v2.1/servers', 'compute'],
    ['/identity', 'identity'],
    ['/identity/', 'identity'],
    ['/identity/v3/auth/tokens?x=/image', 'identity'],
    ['/identityx', 'compute'],
    ['/image/v2/images', 'image'],
    ['/images/v2', 'compute'],
  ])('sends %s to %s', async (path, name) => {
    expect(await nameFor(path)).toBe(name);
  });

  test('makes events of payload format 2.0', async () => {
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(
        `${gateway.url}/v2.1/a%20b/%C3%A4?x=1&x=2&y=%2C`,
        {
          method: 'POST',
          headers: ['Host', 'api.example:1', 'X-Many', 'one', 'x-many', 'two', 'Cookie', 'a=1; b=2', 'Content-Type', 'application/json'],
        },
        (response) => response.resume().on('end', () => resolve(response.statusCode)),
      );
      sent.on('error', reject).end('{"ä":1}');
    });
    expect(answer).toBe(202);
    expect(events[0]).toMatchObject({
      version: '2.0',
      routeKey: '$default',
      rawPath: '/v2.1/a b/ä',
      rawQueryString: 'x=1&x=2&y=%2C',
      queryStringParameters: { x: '1,2', y: ',' },
      cookies: ['a=1', 'b=2'],
      headers: { host: 'api.example:1', 'x-many': 'one,two', 'content-type': 'application/json', 'x-forwarded-proto': 'http' },
      requestContext: {
        domainName: 'api.example:1',
        domainPrefix: 'api',
        stage: '$default',
        http: { method: 'POST', path: '/v2.1/a b/ä', sourceIp: '127.0.0.1' },
      },
      body: '{"ä":1}',
      isBase64Encoded: false,
    });
    expect(events[0]?.requestContext.time).toMatch(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
    expect(events[0]?.headers).not.toHaveProperty('cookie');
  });

  test('believes the proxy in front of it', async () => {
    await fetch(gateway.url, { headers: { 'X-Forwarded-Proto': 'https', Forwarded: 'proto=https;host=nova.example' } });
    expect(events[0]?.headers).toMatchObject({ 'x-forwarded-proto': 'https', forwarded: 'proto=https;host=nova.example' });
  });

  test.each([
    ['HTTPS, http', 'HTTPS, http'],
    ['ftp', 'http'],
    ['httpsx', 'http'],
  ])('takes no scheme but http and https from a proxy: of %s, %s', async (said, scheme) => {
    await fetch(gateway.url, { headers: { 'X-Forwarded-Proto': said } });
    expect(events[0]?.headers).toMatchObject({ 'x-forwarded-proto': scheme });
  });

  test('passes other content as base64, and nothing as nothing', async () => {
    const bytes = new Uint8Array([0, 200, 255]);
    await fetch(gateway.url, { method: 'PUT', body: bytes, headers: { 'content-type': 'application/octet-stream' } });
    await fetch(gateway.url);
    expect(events[0]).toMatchObject({ body: Buffer.from(bytes).toString('base64'), isBase64Encoded: true });
    expect(events[1]).toMatchObject({ isBase64Encoded: false });
    expect(events[1]).not.toHaveProperty('body');
  });

  test('leaves it to the function to refuse what says that it is text and is not UTF-8', async () => {
    const bytes = Buffer.from('{"name": "\xff"}', 'latin1');
    await fetch(gateway.url, { method: 'POST', body: bytes, headers: { 'content-type': 'application/json' } });
    expect(events[0]).toMatchObject({ body: bytes.toString('base64'), isBase64Encoded: true });
  });

  test('sends answers whole', async () => {
    const answer = await fetch(gateway.url);
    expect([answer.status, await answer.json(), answer.headers.getSetCookie()]).toEqual([202, { ä: 1 }, ['a=1', 'b=2']]);
    const empty = await fetch(`${gateway.url}/empty`);
    expect([empty.status, empty.headers.get('x-name'), empty.headers.get('content-length'), await empty.text()]).toEqual([
      204,
      'compute',
      null,
      '',
    ]);
    expect(new Uint8Array(await (await fetch(`${gateway.url}/binary`)).arrayBuffer())).toEqual(new Uint8Array([0, 255]));
    const head = await fetch(gateway.url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([202, '']);
  });

  test('answers itself when a function throws, and goes on', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const answer = await fetch(`${gateway.url}/throw`);
    expect([answer.status, await answer.json()]).toEqual([500, { message: 'Internal Server Error' }]);
    expect(log).toHaveBeenCalledOnce();
    expect((await fetch(gateway.url)).status).toBe(202);
  });

  test('refuses more than 10 MB, announced or not', async () => {
    const huge = Buffer.alloc(10 * 1024 * 1024 + 1, 32);
    const announced = await fetch(gateway.url, { method: 'POST', body: huge });
    expect([announced.status, await announced.json()]).toEqual([413, { message: 'Request Too Long' }]);
    const streamed = await new Promise<[number | undefined, string]>((resolve, reject) => {
      const sent = request(gateway.url, { method: 'POST' }, (response) =>
        text(response).then((body) => resolve([response.statusCode, body]), reject),
      );
      sent.on('error', reject);
      sent.write(huge);
      sent.end(huge);
    });
    expect(streamed).toEqual([413, '{"message":"Request Too Long"}']);
    expect(events).toEqual([]);
  });

  test('survives a client that goes away in the middle', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const socket = connect(gateway.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf');
    await sleep(50);
    socket.destroy();
    await sleep(50);
    expect((await fetch(gateway.url)).status).toBe(202);
    expect(log).not.toHaveBeenCalled();
  });

  test('takes odd request lines as the cloud takes odd paths', async () => {
    expect(await nameFor('//')).toBe('compute');
    expect(await nameFor('/identity/%zz')).toBe('identity');
    expect(events.map(({ rawPath }) => rawPath)).toEqual(['//', '/identity/%zz']);
  });
});

test('a port that is taken is said so', async () => {
  await expect(startGateway({ host: '127.0.0.1', port: gateway.port, functions })).rejects.toThrow(PortInUse);
});

test('closing lets running requests end and ends idle connections', async () => {
  const closing = await startGateway({ host: '127.0.0.1', port: 0, functions });
  await (await fetch(closing.url)).text();
  const running = fetch(`${closing.url}/slow`);
  await sleep(100);
  const begun = Date.now();
  await closing.close();
  expect((await running).status).toBe(202);
  expect(Date.now() - begun).toBeLessThan(2_000);
  await expect(fetch(closing.url)).rejects.toThrow();
});
