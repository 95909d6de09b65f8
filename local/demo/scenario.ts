/** What the demo does, section by section: each does something as a client, shows what became of it, and compares that with what should. */
import { setTimeout as sleep } from 'node:timers/promises';
import { addHosts } from '../../compute/hosts/hosts.ts';
import { defaultHostResources } from '../../compute/hosts/simulated-hosts.ts';
import { rescheduleBuried } from '../../compute/servers/reschedule-buried.ts';
import { listHosts } from '../../database/api/hosts/hosts.ts';
import { findInstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { findInstances } from '../../database/cell/instances/find.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { setting } from '../../lambdas/shared/environment.ts';
import { wakeReaper } from '../../operator/deployment/wake-reaper.ts';
import type { Service } from '../deployment/service.ts';
import { type Client, logIn, type Reply } from './client.ts';
import { type Cell, milliseconds, type Report } from './report.ts';
import { type StepRun, type Trace, traceWorkflow } from './trace.ts';
import { expect, Unexpected } from './unexpected.ts';

/** What all sections share. */
interface Context {
  service: Service;
  report: Report;
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

interface Refusal {
  conflictingRequest: { message: string };
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
 * Boots a server that fits and one that does not, and shows what becomes of them.
 * @throws Unexpected when the cloud does something else, and whatever made the start fail.
 */
export async function runScenario(starting: Promise<Service>, report: Report): Promise<void> {
  introduce(report);
  report.section('Start the cloud');
  const service = await starting;
  const [admin, member] = await Promise.all([logIn(service, 'admin'), logIn(service, 'demo')]);
  const context: Context = { service, report, admin, member, trace: traceWorkflow(service.workflow) };
  await showCloud(context);

  const servers = await boot(context);
  await showBoots(context, servers);
  await showHomes(context, servers);
  await showList(context, servers);
  await showReason(context, servers.giant);
  await showActions(context, servers);
  await showSecondChance(context, servers.giant);
  await remove(context, servers);
  context.trace.stop();
  report.section('Stop the cloud');
}

function introduce(report: Report): void {
  report.title('Cellzero: what becomes of a server that fits, and of one that does not');
  report.say(
    'A large cloud is cut into cells. A cell is a group of hosts with a database of its own, so that no database grows too large and no failure spreads. ' +
      'An index knows which cell has which server. But which cell has a server that no host can hold? A cell without hosts: cell0. There it is kept whole, ' +
      'in status ERROR with the reason, until its owner deletes it like any other server, or a host can hold it.',
  );
  report.draw([
    '                                       a host fits        ┌───────┐ ┌───────┐',
    'you ──▶ API ──▶ boot workflow ──────┬────────────────────▶│ cell1 │ │ cell2 │  a database each,',
    '         │                          │                     └───────┘ └───────┘  and hosts',
    '         ▼                          │',
    '       index: which cell            │  no host fits       ┌───────┐',
    '       has which server             └────────────────────▶│ cell0 │  a database, no hosts',
    '                                                          └───────┘',
  ]);
}

async function showCloud({ service, report }: Context): Promise<void> {
  const hosts = Map.groupBy(await listHosts(service.api), ({ cell }) => cell);
  const cells = [...service.databases.keys()].filter((name) => name !== 'api').sort();
  expect('the list of cells', cells, ['cell0', 'cell1', 'cell2']);
  report.table([
    ['API', service.url],
    ['index', 'database api'],
    ...cells.map((cell) => {
      const names = (hosts.get(cell) ?? []).map(({ host }) => host).join(', ');
      return [cell, `database ${cell}, ${names === '' ? 'no hosts' : `hosts ${names}`}`];
    }),
  ]);
  report.took('started in');
}

async function boot({ report, admin, member }: Context): Promise<Record<'small' | 'giant', Server>> {
  report.section('Ask for two servers');
  report.say(
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
  report.table([
    ['admin', ...exchange('POST /v2.1/flavors', made), `giant: 1 vCPU, 1 GiB memory, ${giantDisk.toLocaleString('en')} GiB disk`],
    ['demo', ...exchange('POST /v2.1/servers', small.reply), `small: ${small.id}`],
    ['demo', ...exchange('POST /v2.1/servers', giant.reply), `giant: ${giant.id}`],
  ]);
  report.took();
  return { small, giant };
}

async function showBoots({ service, report, trace, member }: Context, servers: Record<'small' | 'giant', Server>): Promise<void> {
  report.section('See the workflow find them a place');
  for (const server of [servers.small, servers.giant]) await becomes(member, server, (status) => status !== 'BUILD');
  await service.workflow.drain();
  report.say(
    'It runs once for each request. Its first step picks a host and builds the server there; when there is none, one line of its definition (Catch) leads to cell0.',
  );
  const rows = [servers.small, servers.giant].flatMap(({ id, name }) =>
    trace.of(id).map((run, index): Cell[] => [index === 0 ? name : '', run.state, milliseconds(run.milliseconds), outcome(run)]),
  );
  report.table(rows);
  report.took('both settled after');
  expect('the way of small', trace.of(servers.small.id).map(outline), ['BootOne']);
  expect('the way of giant', trace.of(servers.giant.id).map(outline), ['BootOne: NoValidHost', 'BuryInCell0']);
}

function outline({ state, error }: StepRun): string {
  return error ? `${state}: ${error.name}` : state;
}

function outcome({ state, error }: StepRun): Cell {
  if (error) return { text: `${error.name}: ${error.message.split('\n', 1)[0]?.trim()} Caught.`, tone: 'bad' };
  const done: Readonly<Record<string, string>> = {
    BootOne: 'claimed a host, wrote the server into its cell, then the cell into the index, and built it',
    BuryInCell0: 'wrote it and the reason into cell0, then cell0 into the index',
  };
  return done[state] ?? 'done';
}

/** Waits until a server has a status that is wanted. */
async function becomes(member: Client, { id, name }: Server, wanted: (status: string) => boolean): Promise<void> {
  let status = '';
  for (const end = Date.now() + settlesWithin; Date.now() < end; await sleep(5)) {
    ({ status } = (await member.send<{ server: ShownServer }>('GET', `/servers/${id}`)).body.server);
    if (wanted(status)) return;
  }
  throw new Unexpected(`${name} is in status ${status} after ${milliseconds(settlesWithin)}.`);
}

async function showHomes({ service, report, admin }: Context, servers: Record<'small' | 'giant', Server>): Promise<void> {
  report.section('Read the databases');
  report.say(
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
  report.table(rows, ['', 'index', ...cells.map(([name]) => name), '']);
  const shown = await admin.send<{ server: { 'OS-EXT-SRV-ATTR:host': string } }>('GET', `/servers/${servers.small.id}`);
  const [cell] = shown.body.server['OS-EXT-SRV-ATTR:host'].split('-');
  expect('the home of small', homes.small, [cell, cell]);
  expect('the home of giant', homes.giant, ['cell0', 'cell0']);
  report.took();
}

async function showList({ report, member }: Context, servers: Record<'small' | 'giant', Server>): Promise<void> {
  report.section('List them, as their owner');
  const reply = await member.send<{ servers: ShownServer[] }>('GET', '/servers/detail');
  expect('the answer to the list', reply.status, 200);
  const used = await quota(member);
  report.table([['demo', ...exchange('GET /v2.1/servers/detail', reply), 'one list, whatever cell they are in']]);
  report.table(
    reply.body.servers.map(({ id, name, status, flavor }) => [
      name,
      { text: status, tone: status === 'ACTIVE' ? 'good' : 'bad' } as Cell,
      flavor.original_name,
      id,
    ]),
    ['name', 'status', 'flavor', 'id'],
  );
  report.say(`Quota in use: ${inWords(used)}. A server in ERROR counts until it is deleted.`);
  expect('the list', Object.fromEntries(reply.body.servers.map(({ id, status }) => [id, status])), {
    [servers.giant.id]: 'ERROR',
    [servers.small.id]: 'ACTIVE',
  });
  expect('the quota in use', used, { instances: 2, cores: 2, memory: 3_072 });
  report.took();
}

async function showReason({ report, member, admin }: Context, giant: Server): Promise<void> {
  report.section('Ask why giant failed');
  const [asMember, asAdmin] = [
    await member.send<{ server: ShownServer }>('GET', `/servers/${giant.id}`),
    await admin.send<{ server: ShownServer }>('GET', `/servers/${giant.id}`),
  ];
  report.table([
    ['demo', ...exchange('GET /v2.1/servers/{giant}', asMember), 'the owner reads what every OpenStack says'],
    ['admin', ...exchange('GET /v2.1/servers/{giant}', asAdmin), 'the admin reads what was missing'],
  ]);
  const [plain, full] = [asMember.body.server.fault, asAdmin.body.server.fault];
  const details = full?.details?.split('\n').slice(1) ?? [];
  report.table([
    ['demo', { text: plain?.message.trim() ?? 'nothing', tone: 'bad' }],
    ...details.map((line, index): Cell[] => [index === 0 ? 'admin' : '', line]),
  ]);
  expect("the owner's reason", [plain?.message, plain?.details], ['No valid host was found. ', undefined]);
  expect(
    "whether the admin's reason names the disk",
    details.some((line) => line.includes('DISK_GB') && line.includes('500')),
    true,
  );
  report.took();
}

async function showActions({ report, member }: Context, { small, giant }: Record<'small' | 'giant', Server>): Promise<void> {
  report.section('Stop small and start it again');
  const act = (server: Server, action: object) => member.send<Refusal | undefined>('POST', `/servers/${server.id}/action`, action);
  const stopped = await act(small, { 'os-stop': null });
  await becomes(member, small, (status) => status === 'SHUTOFF');
  const shown = await member.send<{ server: ShownServer }>('GET', `/servers/${small.id}`);
  const started = await act(small, { 'os-start': null });
  await becomes(member, small, (status) => status === 'ACTIVE');
  const refused = await act(giant, { 'os-stop': null });
  report.table([
    ['demo', ...exchange('POST /v2.1/servers/{small}/action', stopped), 'os-stop: its host is asked'],
    ['demo', ...exchange('GET /v2.1/servers/{small}', shown), shown.body.server.status],
    ['demo', ...exchange('POST /v2.1/servers/{small}/action', started), 'os-start'],
    ['demo', ...exchange('POST /v2.1/servers/{giant}/action', refused), 'os-stop: cell0 has no hosts to ask'],
  ]);
  report.say(`demo reads: ${refused.body?.conflictingRequest.message.replace(giant.id, '{giant}')}`);
  expect('the answers to stop and start', [stopped.status, started.status, refused.status], [202, 202, 409]);
  report.took();
}

interface ShownAction {
  instanceAction: { events: { event: string; result: string }[] };
}

async function showSecondChance({ service, report, member, admin }: Context, giant: Server): Promise<void> {
  report.section('A second chance for giant');
  report.say(
    'A host joins that has the disk. The operator sends what is in cell0 for want of disk through the boot again: each keeps its id and all that it was asked for with.',
  );
  const [host = ''] = await addHosts(service.api, 'cell2', 1, { ...defaultHostResources, DISK_GB: 2 * giantDisk });
  const choice = { servers: null, project: null, cause: 'DISK_GB' };
  const sent = await rescheduleBuried(service.api, choice, { dryRun: false, before: async () => {}, progress: () => {} });
  const waiting = await member.send<{ server: ShownServer }>('GET', `/servers/${giant.id}`);
  await wakeReaper(setting('REAPER_STATE_MACHINE'), 0);
  await becomes(member, giant, (status) => status !== 'BUILD');
  const shown = await member.send<{ server: ShownServer }>('GET', `/servers/${giant.id}`);
  const mapping = await findInstanceMapping(service.api, giant.id, null);
  const actions = `/servers/${giant.id}/os-instance-actions`;
  const list = await admin.send<{ instanceActions: { action: string; request_id: string }[] }>('GET', actions);
  const request = list.body.instanceActions.find(({ action }) => action === 'create')?.request_id;
  const create = await admin.send<ShownAction>('GET', `${actions}/${request}`);
  const results = create.body.instanceAction.events.map(({ result }) => result);
  report.table([
    ['operator', 'cellzero hosts add cell2 --disk-gb 2000', host],
    ['operator', 'cellzero reschedule --cause DISK_GB', sent.map(({ name, outcome }) => `${name}: ${outcome}`).join(', ')],
  ]);
  report.table([
    ['demo', ...exchange('GET /v2.1/servers/{giant}', waiting), waiting.body.server.status],
    ['demo', ...exchange('GET /v2.1/servers/{giant}', shown), { text: shown.body.server.status, tone: 'good' }],
    ['admin', ...exchange(`GET …/os-instance-actions/{create}`, create), `tries, newest first: ${results.join(', ')}`],
  ]);
  expect(
    'what was sent',
    sent.map(({ server, outcome }) => [server, outcome]),
    [[giant.id, 'sent']],
  );
  expect('the way of giant from cell0', [waiting.body.server.status, shown.body.server.status], ['BUILD', 'ACTIVE']);
  expect('the home of giant after its second chance', mapping?.cell?.name, 'cell2');
  expect('the tries of giant', results, ['Success', 'Error']);
  expect('the quota in use after a second chance', await quota(member), { instances: 2, cores: 2, memory: 3_072 });
  report.took();
}

async function remove({ report, member }: Context, servers: Record<'small' | 'giant', Server>): Promise<void> {
  report.section('Delete both');
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
  report.table(rows);
  report.say(`Quota in use: ${inWords(used)}.`);
  expect('the list after the deletes', list.body.servers, []);
  expect('the quota in use after the deletes', used, { instances: 0, cores: 0, memory: 0 });
  report.took();
}

async function quota(member: Client): Promise<{ instances: number; cores: number; memory: number }> {
  const { body } = await member.send<{ limits: { absolute: Quota } }>('GET', '/limits');
  const { totalInstancesUsed, totalCoresUsed, totalRAMUsed } = body.limits.absolute;
  return { instances: totalInstancesUsed, cores: totalCoresUsed, memory: totalRAMUsed };
}

function inWords({ instances, cores, memory }: { instances: number; cores: number; memory: number }): string {
  return `${instances} servers, ${cores} vCPUs, ${memory.toLocaleString('en')} MiB of memory`;
}

/** The columns of a table that show a request and its answer. */
function exchange(request: string, { status, milliseconds: time }: Reply<unknown>): Cell[] {
  return [request, { text: String(status), tone: 'good' }, milliseconds(time)];
}
