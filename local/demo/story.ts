/** The story the demo tells, chapter by chapter: each does something as a client, shows what became of it, and compares that with what should. */
import { setTimeout as sleep } from 'node:timers/promises';
import { listHosts } from '../../database/api/hosts/hosts.ts';
import { findInstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { findInstances } from '../../database/cell/instances.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import type { Service } from '../deployment/service.ts';
import { type Client, logIn, type Reply } from './client.ts';
import { type Cell, milliseconds, type Page } from './page.ts';
import { type StepRun, type Trace, traceWorkflow } from './trace.ts';
import { expect, Unexpected } from './unexpected.ts';

/** What the story follows. */
interface Cast {
  service: Service;
  page: Page;
  trace: Trace;
  admin: Client;
  member: Client;
}

interface Server {
  id: string;
  name: string;
}

interface ShownServer extends Server {
  status: string;
  flavor: { original_name: string };
  fault?: { code: number; message: string; details?: string };
}

interface Quota {
  totalInstancesUsed: number;
  totalCoresUsed: number;
  totalRAMUsed: number;
}

/** The image cirros, which every Cellzero comes with. */
const image = 'c1220500-0000-4000-8000-000000000001';
const settlesWithin = 20_000;
const giantDisk = 1_000;

/**
 * Tells the story of a server that fits and of one that does not.
 * @throws Unexpected when the cloud does something else, and whatever made the start fail.
 */
export async function tellStory(starting: Promise<Service>, page: Page): Promise<void> {
  introduce(page);
  page.chapter('Start the cloud');
  const service = await starting;
  const [admin, member] = await Promise.all([logIn(service, 'admin'), logIn(service, 'demo')]);
  const cast: Cast = { service, page, admin, member, trace: traceWorkflow(service.workflow) };
  await showCloud(cast);

  const servers = await boot(cast);
  await showBoots(cast, servers);
  await showHomes(cast, servers);
  await showList(cast, servers);
  await showReason(cast, servers.giant);
  await remove(cast, servers);
  cast.trace.stop();
  page.chapter('Stop the cloud');
}

function introduce(page: Page): void {
  page.title('Cellzero: what becomes of a server that fits, and of one that does not');
  page.say(
    'A large cloud is cut into cells. A cell is a group of hosts with a database of its own, so that no database grows too large and no failure spreads. ' +
      'An index knows which cell has which server. But which cell has a server that no host can hold? A cell without hosts: cell0. There it is kept whole, ' +
      'in status ERROR with the reason, until its owner has seen it and deletes it, like any other server.',
  );
  page.draw([
    '                                       a host has room    ┌───────┐ ┌───────┐',
    'you ──▶ API ──▶ boot workflow ──────┬────────────────────▶│ cell1 │ │ cell2 │  a database each,',
    '         │                          │                     └───────┘ └───────┘  and hosts',
    '         ▼                          │',
    '       index: which cell            │  no host has room   ┌───────┐',
    '       has which server             └────────────────────▶│ cell0 │  a database, no hosts',
    '                                                          └───────┘',
  ]);
}

async function showCloud({ service, page }: Cast): Promise<void> {
  const hosts = Map.groupBy(await listHosts(service.api), ({ cell }) => cell);
  const cells = [...service.databases.keys()].filter((name) => name !== 'api').sort();
  expect('the list of cells', cells, ['cell0', 'cell1', 'cell2']);
  page.table([
    ['API', service.url],
    ['index', 'database api'],
    ...cells.map((cell) => {
      const names = (hosts.get(cell) ?? []).map(({ host }) => host).join(', ');
      return [cell, `database ${cell}, ${names === '' ? 'no hosts' : `hosts ${names}`}`];
    }),
  ]);
  page.took('started in');
}

async function boot({ page, admin, member }: Cast): Promise<Record<'small' | 'giant', Server>> {
  page.chapter('Ask for two servers');
  page.say(
    `A host here has 500 GiB of disk. The flavor m1.small wants 20. So that something does not fit, the admin makes a flavor that wants ${giantDisk.toLocaleString('en')}; ` +
      'quota does not count disk, so it is allowed. 202 says: accepted, it exists, see for yourself what becomes of it.',
  );
  const flavor = { name: 'giant', id: 'giant', vcpus: 1, ram: 1_024, disk: giantDisk };
  const made = await admin.send('POST', '/flavors', { flavor });
  expect('the answer to a new flavor', made.status, 200);

  const ask = async (name: string, flavorRef: string) => {
    const server = { name, flavorRef, imageRef: image, networks: 'none' };
    const reply = await member.send<{ server: { id: string } }>('POST', '/servers', { server });
    expect(`the answer to the boot of ${name}`, reply.status, 202);
    return { name, id: reply.body.server.id, reply };
  };
  const small = await ask('small', '2');
  const giant = await ask('giant', 'giant');
  page.table([
    ['admin', ...exchange('POST /v2.1/flavors', made), `giant: 1 vCPU, 1 GiB memory, ${giantDisk.toLocaleString('en')} GiB disk`],
    ['demo', ...exchange('POST /v2.1/servers', small.reply), `small: ${small.id}`],
    ['demo', ...exchange('POST /v2.1/servers', giant.reply), `giant: ${giant.id}`],
  ]);
  page.took();
  return { small, giant };
}

async function showBoots({ service, page, trace, member }: Cast, servers: Record<'small' | 'giant', Server>): Promise<void> {
  page.chapter('Watch the workflow find them a place');
  for (const server of [servers.small, servers.giant]) await settled(member, server);
  await service.workflow.drain();
  page.say(
    'It runs once for each request. Its first step picks a host; whatever goes wrong there leads to cell0, by one line of its definition (Catch).',
  );
  const rows = [servers.small, servers.giant].flatMap(({ id, name }) =>
    trace.of(id).map((run, index): Cell[] => [index === 0 ? name : '', run.state, milliseconds(run.milliseconds), tell(run)]),
  );
  page.table(rows);
  page.took('both settled after');
  expect('the way of small', trace.of(servers.small.id).map(outline), ['ScheduleServers', 'CreateInCell', 'BuildOnHost']);
  expect('the way of giant', trace.of(servers.giant.id).map(outline), ['ScheduleServers: NoValidHost', 'BuryInCell0']);
}

function outline({ state, error }: StepRun): string {
  return error ? `${state}: ${error.name}` : state;
}

function tell({ state, error, host }: StepRun): Cell {
  if (error) return { text: `${error.name}: ${error.message.split('\n', 1)[0]?.trim()} Caught.`, tone: 'bad' };
  const done: Readonly<Record<string, string>> = {
    ScheduleServers: `picked ${host} and claimed room on it`,
    CreateInCell: 'wrote the server into its cell, then the cell into the index',
    BuildOnHost: 'the host started the server',
    BuryInCell0: 'wrote it and the reason into cell0, then cell0 into the index',
  };
  return done[state] ?? 'done';
}

async function settled(member: Client, { id, name }: Server): Promise<void> {
  for (const end = Date.now() + settlesWithin; Date.now() < end; await sleep(5)) {
    const { body } = await member.send<{ server: ShownServer }>('GET', `/servers/${id}`);
    if (body.server.status !== 'BUILD') return;
  }
  throw new Unexpected(`${name} is in status BUILD after ${milliseconds(settlesWithin)}.`);
}

async function showHomes({ service, page, trace }: Cast, servers: Record<'small' | 'giant', Server>): Promise<void> {
  page.chapter('Look into the databases');
  page.say(
    'Each server has one row, in one cell, and the index points there. cell0 has the very tables of the other cells, so nobody needs to know it is special.',
  );
  const cells = [...service.databases].filter(([name]) => name !== 'api').sort(([a], [b]) => (a < b ? -1 : 1));
  const rows: Cell[][] = [];
  const homes: Record<string, string[]> = {};
  for (const { id, name } of [servers.small, servers.giant]) {
    const mapping = await findInstanceMapping(service.api, id, null);
    const found = await Promise.all(
      cells.map(async ([cell, url]) => ((await findInstances(parseDatabaseUrl(url), [id])).has(id) ? cell : undefined)),
    );
    homes[name] = [mapping?.cell?.name ?? 'none', ...found.filter((cell) => cell !== undefined)];
    rows.push([
      name,
      `→ ${mapping?.cell?.name ?? 'none'}`,
      ...found.map((cell): Cell => (cell ? { text: 'a row', tone: 'good' } : { text: '–', tone: 'quiet' })),
      '',
    ]);
  }
  page.table(rows, ['', 'index', ...cells.map(([name]) => name), '']);
  const cell = trace.of(servers.small.id)[0]?.host?.split('-')[0];
  expect('the home of small', homes.small, [cell, cell]);
  expect('the home of giant', homes.giant, ['cell0', 'cell0']);
  page.took();
}

async function showList({ page, member }: Cast, servers: Record<'small' | 'giant', Server>): Promise<void> {
  page.chapter('List them, as their owner');
  const reply = await member.send<{ servers: ShownServer[] }>('GET', '/servers/detail');
  expect('the answer to the list', reply.status, 200);
  const used = await quota(member);
  page.table([['demo', ...exchange('GET /v2.1/servers/detail', reply), 'one list, whatever cell they are in']]);
  page.table(
    reply.body.servers.map(({ id, name, status, flavor }) => [
      name,
      { text: status, tone: status === 'ACTIVE' ? 'good' : 'bad' } as Cell,
      flavor.original_name,
      id,
    ]),
    ['name', 'status', 'flavor', 'id'],
  );
  page.say(`Quota in use: ${inWords(used)}. A server in ERROR counts until it is deleted.`);
  expect('the list', Object.fromEntries(reply.body.servers.map(({ id, status }) => [id, status])), {
    [servers.giant.id]: 'ERROR',
    [servers.small.id]: 'ACTIVE',
  });
  expect('the quota in use', used, { instances: 2, cores: 2, memory: 3_072 });
  page.took();
}

async function showReason({ page, member, admin }: Cast, giant: Server): Promise<void> {
  page.chapter('Ask why giant failed');
  const [asMember, asAdmin] = [
    await member.send<{ server: ShownServer }>('GET', `/servers/${giant.id}`),
    await admin.send<{ server: ShownServer }>('GET', `/servers/${giant.id}`),
  ];
  page.table([
    ['demo', ...exchange('GET /v2.1/servers/{giant}', asMember), 'the owner is told what every OpenStack says'],
    ['admin', ...exchange('GET /v2.1/servers/{giant}', asAdmin), 'the admin is told what was missing'],
  ]);
  const [plain, full] = [asMember.body.server.fault, asAdmin.body.server.fault];
  const details = full?.details?.split('\n').slice(1) ?? [];
  page.table([
    ['demo', { text: plain?.message.trim() ?? 'nothing', tone: 'bad' }],
    ...details.map((line, index): Cell[] => [index === 0 ? 'admin' : '', line]),
  ]);
  expect("the owner's reason", [plain?.message, plain?.details], ['No valid host was found. ', undefined]);
  expect(
    "whether the admin's reason names the disk",
    details.some((line) => line.includes('DISK_GB') && line.includes('500')),
    true,
  );
  page.took();
}

async function remove({ page, member }: Cast, servers: Record<'small' | 'giant', Server>): Promise<void> {
  page.chapter('Delete both');
  const rows: Cell[][] = [];
  for (const { id, name } of [servers.small, servers.giant]) {
    const deleted = await member.send('DELETE', `/servers/${id}`);
    const after = await member.send('GET', `/servers/${id}`);
    rows.push(['demo', ...exchange(`DELETE /v2.1/servers/{${name}}`, deleted), '']);
    rows.push(['demo', ...exchange(`GET /v2.1/servers/{${name}}`, after), 'gone']);
    expect(`the answer to the delete of ${name}`, deleted.status, 204);
    expect(`the answer for ${name} after its delete`, after.status, 404);
  }
  const list = await member.send<{ servers: Server[] }>('GET', '/servers');
  const used = await quota(member);
  rows.push(['demo', ...exchange('GET /v2.1/servers', list), `${list.body.servers.length} servers`]);
  page.table(rows);
  page.say(`Quota in use: ${inWords(used)}.`);
  expect('the list after the deletes', list.body.servers, []);
  expect('the quota in use after the deletes', used, { instances: 0, cores: 0, memory: 0 });
  page.took();
}

async function quota(member: Client): Promise<{ instances: number; cores: number; memory: number }> {
  const { body } = await member.send<{ limits: { absolute: Quota } }>('GET', '/limits');
  const { totalInstancesUsed, totalCoresUsed, totalRAMUsed } = body.limits.absolute;
  return { instances: totalInstancesUsed, cores: totalCoresUsed, memory: totalRAMUsed };
}

function inWords({ instances, cores, memory }: { instances: number; cores: number; memory: number }): string {
  return `${instances} servers, ${cores} vCPUs, ${memory.toLocaleString('en')} MiB of memory`;
}

/** The columns of a table that tell a request and its answer. */
function exchange(request: string, { status, milliseconds: time }: Reply<unknown>): Cell[] {
  return [request, { text: String(status), tone: 'good' }, milliseconds(time)];
}
