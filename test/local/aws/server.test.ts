/** The port of AWS's services on this machine is open to every process and every web page, so it answers only who knows the URL of this start. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Aws, startAws } from '../../../local/aws/server.ts';

let aws: Aws;
const asked: string[] = [];
beforeAll(async () => {
  aws = await startAws({
    services: [
      ({ path, target }) => {
        asked.push(path);
        return Promise.resolve(JSON.stringify({ path, target }));
      },
    ],
  });
});
afterAll(() => aws?.close());

/** Sends a request with headers as they are; `fetch` sets some itself. */
function send(url: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode));
    });
    sent.on('error', reject).end('{}');
  });
}

test('who knows the URL is answered, below it', async () => {
  const answer = await fetch(`${aws.url}/Execute`, { method: 'POST', headers: { 'x-amz-target': 'A.B' }, body: '{}' });
  expect([answer.status, await answer.json()]).toEqual([200, { path: '/Execute', target: 'A.B' }]);
  expect(await send(aws.url)).toBe(200);
  expect(asked.splice(0)).toEqual(['/Execute', '/']);
});

test('who knows the port alone, or nearly the URL, is refused, and no service is asked', async () => {
  const { origin, pathname } = new URL(aws.url);
  const other = await startAws({ services: [] });
  await other.close();
  for (const path of [
    '',
    '/',
    '/Execute',
    pathname.slice(0, -1),
    `${pathname}x`,
    `${pathname}x/Execute`,
    `/${pathname}`,
    new URL(other.url).pathname,
  ]) {
    expect(await send(`${origin}${path}`), path).toBe(403);
  }
  expect(asked).toEqual([]);
});

test('a web page is refused even if it knows the URL, by its own name or by one that it made ours', async () => {
  const { host, port } = new URL(aws.url);
  expect(await send(aws.url, { origin: 'https://page.example' })).toBe(403);
  expect(await send(aws.url, { origin: 'null' })).toBe(403);
  for (const name of ['page.example', `page.example:${port}`, `localhost:${port}`, '127.0.0.1']) {
    expect(await send(aws.url, { host: name }), name).toBe(403);
  }
  expect(asked).toEqual([]);
  expect(await send(aws.url, { host })).toBe(200);
  asked.splice(0);
});

test('containers of an emulator reach it by a name of theirs; a web page does not', async () => {
  const elsewhere = await startAws({ services: [() => Promise.resolve('{}')], elsewhere: { host: '127.0.0.1', port: 0 } });
  const statuses = [
    await send(`${elsewhere.url}/Execute`, { host: 'host.docker.internal:4580' }),
    await send(`${elsewhere.url}/Execute`, { origin: 'https://page.example' }),
  ];
  await elsewhere.close();
  expect(statuses).toEqual([200, 403]);
});
