/**
 * `npm run bench`: how fast the whole service is on this machine, and beside each request the floor, the same number of bare Data API calls in the same
 * run; so a slow machine shows in both, and slow code in their ratio only.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { query } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { memory, quantiles, rate, type Timing, time } from './measure.ts';
import type { BenchService } from './service.ts';

const json = process.argv.includes('--json');
const say = (line: string) => (json ? undefined : console.log(line));

const child = fork(fileURLToPath(new URL('./service.ts', import.meta.url)));
try {
  const [service] = (await once(child, 'message')) as [BenchService];
  Object.assign(process.env, service.aws);
  const results = await run(service, child.pid ?? 0);
  if (json) console.log(JSON.stringify(results));
} finally {
  child.disconnect();
  await once(child, 'exit');
}

async function run({ url, token, apiDatabase }: BenchService, pid: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const send = (method: string, path: string, body?: object) =>
    new Promise<{ status: number; body: { server: { id: string; status: string } } }>((resolve, reject) => {
      const headers = { 'X-Auth-Token': token, 'OpenStack-API-Version': 'compute 2.90', 'Content-Type': 'application/json' };
      httpRequest(`${url}/v2.1${path}`, { method, agent, headers }, async (response) => {
        const answer = await text(response);
        resolve({ status: response.statusCode ?? 0, body: answer ? JSON.parse(answer) : undefined });
      })
        .on('error', reject)
        .end(body && JSON.stringify(body));
    });
  const boot = async (flavorRef = '1') => {
    const server = { name: 'bench', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef, networks: 'none' };
    const { status, body } = await send('POST', '/servers', { server });
    if (status !== 202) throw new Error(`POST answered ${status}: ${JSON.stringify(body)}`);
    return body.server.id;
  };
  const posted: number[] = [];
  /** Boots a server when nothing else is going on, and waits until it has the status. */
  const reaches = async (wanted: string, flavorRef?: string) => {
    const before = performance.now();
    const id = await boot(flavorRef);
    const start = performance.now();
    posted.push(start - before);
    while ((await send('GET', `/servers/${id}`)).body.server.status !== wanted) await sleep(1);
    return { id, milliseconds: performance.now() - start };
  };
  const api = parseDatabaseUrl(apiDatabase);
  const bare = () => query(api, 'select 1');
  const floor = (sequence: number[]) =>
    time(100, async () => {
      for (const parallel of sequence) await Promise.all(Array.from({ length: parallel }, bare));
    });

  say('One client, milliseconds. The floor is the same number of bare Data API calls.\n');
  say('request                    p50     p99   floor p50   ratio');
  const requests: Record<string, Timing & { floor: number }> = {};
  const report = async (name: string, timing: Timing, sequence: number[]) => {
    const { p50 } = await floor(sequence);
    requests[name] = { ...timing, floor: p50 };
    say(`${name.padEnd(22)} ${ms(timing.p50)} ${ms(timing.p99)}     ${ms(p50)}   ${(timing.p50 / p50).toFixed(1).padStart(5)}`);
  };

  const ids: string[] = [];
  for (let index = 0; index < 100; index++) ids.push((await reaches('ACTIVE')).id);
  await report('POST /servers', quantiles(posted.slice(10)), [1, 1]);
  await report('GET /servers/{id}', await time(300, (index) => send('GET', `/servers/${ids[index % ids.length]}`)), [1, 1]);
  await report('GET detail?limit=100', await time(60, () => send('GET', '/servers/detail?limit=100')), [1, 2]);

  const [active, error]: [number[], number[]] = [[], []];
  for (let index = 0; index < 40; index++) {
    const fits = await reaches('ACTIVE');
    const lost = await reaches('ERROR', 'giant');
    active.push(fits.milliseconds);
    error.push(lost.milliseconds);
    await send('DELETE', `/servers/${lost.id}`);
    ids.push(fits.id);
  }
  const removed = await time(ids.length - 5, (index) => send('DELETE', `/servers/${ids[index]}`));
  await report('DELETE /servers/{id}', removed, [1, 1, 1]);

  const toActive = quantiles(active);
  const toError = quantiles(error);
  say(`\nfrom POST's answer to ACTIVE          p50 ${ms(toActive.p50)}   p99 ${ms(toActive.p99)}`);
  say(`from POST's answer to ERROR in cell0  p50 ${ms(toError.p50)}   p99 ${ms(toError.p99)}`);
  const accepted = await rate(400, 8, boot);
  say(`\nboots accepted a second, 8 clients    ${accepted.toFixed(0)}`);
  const used = memory(pid);
  say(`memory of the whole service           ${used.mebibytes.toFixed(0)} MiB in ${used.processes} processes`);
  agent.destroy();
  return { requests, toActive, toError, acceptedPerSecond: accepted, memory: used };
}

function ms(value: number): string {
  return value.toFixed(1).padStart(7);
}
