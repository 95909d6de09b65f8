/** What the scheduler reads of a request and of hosts: each condition by itself, at its edge. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { claim, disabledTrait } from '../../../../database/api/hosts/allocations.ts';
import { findSchedulingState, type Reading, type SchedulingState } from '../../../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../../../database/api/servers/request-spec.ts';
import { query } from '../../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture, tiny } from '../../../../local/bench/scheduler-fixture.ts';
import { addZone, hostOf, newGroup, sql } from '../../../compute/scheduler/scheduler-helpers.ts';
import { sharedPostgres } from '../../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => fixture.addHosts({ cells: 2, hosts: 2 }));

const change = (text: string) => query(fixture.api, text);
const [h1, h2, h3, h4] = ['cell1-host1', 'cell1-host2', 'cell2-host1', 'cell2-host2'] as const;
const usual = { limit: 100, rejectedHostClasses: [], reasons: false, countServers: false, countAlikeProperties: false };

interface Request {
  execution: string;
  servers: string[];
}
const read = ({ execution, servers }: Request, reading: Partial<Reading> = {}) =>
  findSchedulingState(fixture.api, execution, servers, { ...usual, ...reading });
const search = async (spec: Partial<RequestSpec> = {}, count = 1, reading: Partial<Reading> = {}) =>
  read(await fixture.accept(count, spec), reading);
const hosts = ({ hosts }: SchedulingState) => hosts.map(({ host }) => host).toSorted();
const found = async (spec: Partial<RequestSpec> = {}, reading: Partial<Reading> = {}) => hosts(await search(spec, 1, reading));
const why = async (spec: Partial<RequestSpec> = {}, count = 1) => (await search(spec, count, { reasons: true })).reasons;
const free = (host: string, resource: string, amount: number) =>
  change(`update inventories set used = total - ${amount} where resource_class = '${resource}' and resource_provider_id = ${hostOf(host)}`);
const without = (host: string) => change(`update inventories set used = total where resource_provider_id = ${hostOf(host)}`);
const disable = (host: string) => change(`update resource_providers set traits = array['${disabledTrait}'] where name = '${host}'`);
const cellOf = (host: string) => `(select cell_id from host_mappings where host = '${host}')`;
const provider = async (host: string) => (await sql<{ id: number }>(fixture, `select ${hostOf(host)} as id`))[0]?.id ?? 0;

/** Servers with a claim on a host. */
async function claimed(host: string, count = 1, spec: Partial<RequestSpec> = {}): Promise<Request> {
  const request = await fixture.accept(count, spec);
  const resources = { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 };
  const id = await provider(host);
  expect(
    await claim(
      fixture.api,
      request.execution,
      request.servers.map((server) => ({ server, provider: id, resources })),
      null,
    ),
  ).toBe(true);
  return request;
}

test('a server waits for its owner, and with its spec; another execution sees none', async () => {
  const request = await fixture.accept(2);
  await fixture.accept(1);
  const state = await read(request);
  expect(state.waiting.toSorted()).toEqual(request.servers.toSorted());
  expect(state).toMatchObject({
    spec: { flavor: tiny },
    claimed: [],
    placed: [],
    group: null,
    hostExists: true,
    more: false,
    reasons: null,
  });
  expect(await read({ ...request, execution: 'another' })).toMatchObject({ spec: null, waiting: [], hosts: [] });
});

test('a claim of an earlier run stands once, with its host, and is usable while that may be picked and its cell was not left', async () => {
  const request = await claimed(h3);
  const [server = ''] = request.servers;
  const [{ uuid: cell } = { uuid: '' }] = await sql<{ uuid: string }>(fixture, `select uuid from cell_mappings where name = 'cell2'`);
  const holds = { server, provider: await provider(h3), host: h3, zone: 'nova', cell, usable: true };
  expect(await read(request)).toMatchObject({ waiting: [server], placed: [] });
  expect((await read(request)).claimed).toEqual([holds]);
  await change(`insert into pending_cleanups (instance_uuid, cell_id) values ('${server}', ${cellOf(h1)})`);
  expect((await read(request)).claimed).toEqual([holds]);
  expect(hosts(await read(request)), 'without hosts of a cell that was left').toEqual([h3, h4]);
  await change(`insert into build_failures (resource_provider_id) values (${hostOf(h1)})`);
  expect(hosts(await read(request)), 'nor such that failed').toEqual([h3, h4]);
  await change(`insert into pending_cleanups (instance_uuid, cell_id) values ('${server}', ${cellOf(h3)})`);
  expect((await read(request)).claimed).toEqual([{ ...holds, usable: false }]);
  await change('delete from pending_cleanups');
  await disable(h3);
  expect((await read(request)).claimed).toEqual([{ ...holds, usable: false }]);
});

test('a server that has its cell stands once, until it is deleted', async () => {
  const request = await claimed(h2);
  const [server = ''] = request.servers;
  const [{ uuid: cell } = { uuid: '' }] = await sql<{ uuid: string }>(fixture, `select uuid from cell_mappings where name = 'cell1'`);
  await change(`update instance_mappings set cell_id = ${cellOf(h2)} where instance_uuid = '${server}'`);
  await change('delete from build_requests');
  await claimed(h1);
  expect(await read(request)).toMatchObject({ spec: null, waiting: [], claimed: [], placed: [{ server, cell, host: h2, zone: 'nova' }] });
  await change(`update instance_mappings set queued_for_delete = true where instance_uuid = '${server}'`);
  expect((await read(request)).placed).toEqual([]);
});

test.each([
  ['VCPU', 3, { vcpus: 3 }],
  ['MEMORY_MB', 700, { memory_mb: 700 }],
  ['DISK_GB', 9, { root_gb: 3, ephemeral_gb: 4, swap: 1_025 }],
  ['DISK_GB', 8, { root_gb: 3, ephemeral_gb: 4, swap: 1_024 }],
])('a host needs the %s of one server, %i', async (resource, amount, flavor) => {
  await free(h1, resource, amount);
  await free(h2, resource, amount - 1);
  const spec = { flavor: { ...tiny, ...flavor } };
  expect(await found(spec)).toEqual([h1, h3, h4]);
  // So do hosts that are looked at beside the page.
  await change(`insert into build_failures (resource_provider_id, builds) select id, 2 from resource_providers`);
  const state = await search(spec);
  expect(hosts(state)).toEqual([h1, h3, h4]);
  expect(state.hosts.map(({ failedBuilds }) => failedBuilds)).toEqual([2, 2, 2]);
});

test('a zone holds its own hosts, without one every zone is searched, and each page is of a zone', async () => {
  await addZone(fixture, 'az1', [h1, h3]);
  expect(await found({ availability_zone: 'az1' })).toEqual([h1, h3]);
  expect(await found({ availability_zone: 'nova' })).toEqual([h2, h4]);
  expect(await found()).toEqual([h1, h2, h3, h4]);
  expect(await search({}, 1, { limit: 1 })).toMatchObject({ hosts: [{}, {}], more: true });
  expect(await search({}, 1, { limit: 2 })).toMatchObject({ more: true });
  expect(await search({}, 1, { limit: 3 })).toMatchObject({ more: false });
  await change(`insert into build_failures (resource_provider_id) values (${hostOf(h2)}), (${hostOf(h3)})`);
  expect(await found({ availability_zone: 'az1' })).toEqual([h1, h3]);
});

test('a host that failed lately comes beside the page, as long as it counts', async () => {
  const failed = (since: string) =>
    change(`insert into build_failures (resource_provider_id, builds, last_at) select id, 3, now() - interval '${since}' from resource_providers
      where name in ('${h1}', '${h2}') on conflict (resource_provider_id) do update set last_at = excluded.last_at`);
  await failed('9 minutes 50 seconds');
  const state = await search({}, 1, { limit: 1 });
  expect(hosts(state)).toEqual([h1, h2, expect.stringMatching(/^cell2/)]);
  expect(state.more).toBe(true);
  await failed('10 minutes 10 seconds');
  const later = await search();
  expect(later.hosts.map(({ failedBuilds }) => failedBuilds)).toEqual([0, 0, 0, 0]);
  expect(hosts(await search({}, 1, { limit: 1 }))).toHaveLength(1);
  await failed('1 minute');
  await disable(h1);
  expect(await found()).toEqual([h2, h3, h4]);
});

test('a host is asked for by host or node, or forced in whatever zone; one that is not there is reported', async () => {
  await addZone(fixture, 'az1', [h1]);
  const named = (host: string | null, node: string | null) => ({ host, node });
  expect(await found({ requested_host: named(h2, null) })).toEqual([h2]);
  expect(await found({ requested_host: named(null, h2) })).toEqual([h2]);
  expect(await found({ requested_host: named(h2, null), availability_zone: 'az1' })).toEqual([]);
  expect(await found({ forced_host: named(h2, null), availability_zone: 'az1' })).toEqual([h2]);
  expect(await search({ requested_host: named('ghost', null) })).toMatchObject({ hostExists: false, hosts: [] });
  expect(await search({ requested_host: named(h2, null) })).toMatchObject({ hostExists: true });
  expect(await search({ forced_host: named(h2, h2) })).toMatchObject({ hostExists: true });
  expect(await search({ forced_host: named(h2, h1) })).toMatchObject({ hostExists: false, hosts: [] });
  await change(`insert into build_failures (resource_provider_id) values (${hostOf(h1)})`);
  expect(await found({ requested_host: named(h2, null) }), 'no host that failed comes beside it').toEqual([h2]);
});

test('classes that were rejected are left out; the others come with what they can do', async () => {
  await change(
    `update resource_providers set traits = array['${disabledTrait}', 'HW_X'], capabilities = capabilities || '{"rack": "a"}' where name = '${h1}'`,
  );
  await change(`update resource_providers set traits = '{HW_X}' where name = '${h2}'`);
  const state = await search();
  expect(hosts(state)).toEqual([h2, h3, h4]);
  expect(state.hostClasses.size).toBe(2);
  const kind = state.hosts.find(({ host }) => host === h2)?.hostClass ?? '';
  expect(state.hostClasses.get(kind)?.traits).toEqual(['HW_X']);
  expect(await found({}, { rejectedHostClasses: [kind] })).toEqual([h3, h4]);
  await change('insert into build_failures (resource_provider_id) select id from resource_providers');
  expect(await found({}, { rejectedHostClasses: [kind] })).toEqual([h3, h4]);
});

test('under anti-affinity a host that is full of the group is left out, with or without a rule', async () => {
  const alone = await newGroup(fixture, 'anti-affinity');
  await claimed(h1, 1, { group: alone });
  expect(await found({ group: alone })).toEqual([h2, h3, h4]);
  const pairs = await newGroup(fixture, 'anti-affinity', { max_server_per_host: 2 });
  await claimed(h1, 1, { group: pairs });
  await claimed(h2, 2, { group: pairs });
  const state = await search({ group: pairs });
  expect(hosts(state)).toEqual([h1, h3, h4]);
  expect(state.hosts.map(({ host, members }) => [host, members]).toSorted()).toEqual([
    [h1, 1],
    [h3, 0],
    [h4, 0],
  ]);
  expect(state.group).toEqual({ id: expect.any(Number), name: 'web', policy: 'anti-affinity', mostPerHost: 2, generation: 0, placed: 3 });
  await change(`insert into build_failures (resource_provider_id) values (${hostOf(h2)})`);
  expect(await found({ group: pairs }), 'also when it failed').toEqual([h1, h3, h4]);
});

test('under affinity only the host of the members will do, with the capacity for all servers', async () => {
  const group = await newGroup(fixture, 'affinity');
  await free(h1, 'VCPU', 2);
  expect(hosts(await search({ group }, 2))).toEqual([h1, h2, h3, h4]);
  expect(hosts(await search({ group }, 3))).toEqual([h2, h3, h4]);
  await claimed(h2, 1, { group });
  await change(`insert into build_failures (resource_provider_id) values (${hostOf(h3)})`);
  expect(await found({ group })).toEqual([h2]);
  expect(await found({ group, requested_host: { host: h3, node: null } })).toEqual([]);
  expect(await found({ group, requested_host: { host: h2, node: null } })).toEqual([h2]);
  const wish = await newGroup(fixture, 'soft-affinity');
  await claimed(h4, 1, { group: wish });
  const near = await search({ group: wish }, 1, { limit: 1 });
  expect(hosts(near)).toContain(h4);
  const apart = await newGroup(fixture, 'soft-anti-affinity');
  await claimed(h4, 1, { group: apart });
  expect(hosts(await search({ group: apart }, 1, { limit: 1 }))).not.toContain(h4);
});

test('what is on a host: starts of the last minute, servers and alike properties when they are asked for', async () => {
  const group = await newGroup(fixture, 'soft-anti-affinity');
  const image = { id: 'an image', properties: { os: 'linux', arch: 'x' } };
  await claimed(h1, 2, { image });
  await claimed(h1, 1, { image: { ...image, properties: { os: 'linux', arch: 'y' } }, group });
  const count = { countServers: true, countAlikeProperties: true };
  const on = async (spec: Partial<RequestSpec>, reading = {}) =>
    (await search({ image, ...spec }, 1, reading)).hosts.find(({ host }) => host === h1);
  expect(await on({}, count)).toMatchObject({ starting: 3, servers: 3, alikeProperties: 5, members: 0 });
  expect(await on({ group })).toMatchObject({ starting: 2, servers: 0, alikeProperties: 0, members: 1 });
  await change(`update allocations set created_at = now() - interval '58 seconds'`);
  expect(await on({})).toMatchObject({ starting: 3, free: { VCPU: 13, MEMORY_MB: 64_000, DISK_GB: 497 } });
  await change(`update allocations set created_at = now() - interval '62 seconds'`);
  expect(await on({})).toMatchObject({ starting: 0 });
});

test('reasons come when the hosts together hold too few: by the resource that is shortest, and by the group', async () => {
  expect(await search({ flavor: { ...tiny, vcpus: 99 } }), 'no host at all').toMatchObject({ hosts: [], reasons: { hosts: 4 } });
  for (const host of [h1, h2, h3]) await without(host);
  await free(h4, 'VCPU', 3);
  await free(h4, 'MEMORY_MB', 4 * 512);
  await free(h4, 'DISK_GB', 100);
  expect(await search({}, 3)).toMatchObject({ reasons: null });
  expect(await search({}, 4)).toMatchObject({ reasons: { hosts: 4, candidates: 1 } });
  const pairs = await newGroup(fixture, 'anti-affinity', { max_server_per_host: 2 });
  expect(await search({ group: pairs }, 2)).toMatchObject({ reasons: null });
  expect(await search({ group: pairs }, 3)).toMatchObject({ reasons: { hosts: 4 } });
  await claimed(h4, 1, { group: pairs });
  expect(await search({ group: pairs }, 1)).toMatchObject({ reasons: null });
  expect(await search({ group: pairs }, 2)).toMatchObject({ reasons: { hosts: 4 } });
  expect(await search({ group: pairs }, 3, { limit: 1 }), 'there may be more').toMatchObject({ reasons: null, more: true });
});

test('no reasons are read for servers that have their hosts', async () => {
  const request = await claimed(h1);
  for (const host of [h1, h2, h3, h4]) await without(host);
  expect(await read(request)).toMatchObject({ hosts: [], reasons: null });
});

test('every host counts at the first step that rejects it; the nearest and what suffices are of those that were asked', async () => {
  await disable(h1);
  await free(h2, 'VCPU', 2);
  await free(h2, 'MEMORY_MB', 500);
  await free(h3, 'VCPU', 0);
  const rejected = { hostClass: null, hosts: 1 };
  expect(await why()).toEqual({
    hosts: 4,
    rejected: expect.toSatisfy((list: unknown[]) => list.length === 2),
    ...{ asked: 3, suffices: { VCPU: 2, MEMORY_MB: 2, DISK_GB: 3 }, candidates: 1 },
    nearest: { host: h2, free: { VCPU: 2, MEMORY_MB: 500, DISK_GB: 500 } },
  });
  expect((await why())?.rejected.toSorted((a, b) => (a.step < b.step ? -1 : 1))).toEqual([
    { ...rejected, step: 'ComputeFilter', names: [h1] },
    { ...rejected, step: 'Placement', hosts: 2, names: expect.toSatisfy((names: string[]) => names.toSorted().join() === `${h2},${h3}`) },
  ]);
});

test('hosts that no step asks about suffice for nothing, and none is nearest', async () => {
  for (const host of [h1, h2, h3, h4]) await disable(host);
  expect(await why()).toMatchObject({ asked: 0, suffices: { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 }, nearest: null, candidates: 0 });
  await fixture.addHosts({ cells: 1, hosts: 0 });
  expect(await why()).toEqual({
    ...{ hosts: 0, rejected: [], asked: 0, suffices: { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 }, nearest: null, candidates: 0 },
  });
});

test('candidates have the capacity for one server, and are those that may be named or searched', async () => {
  await addZone(fixture, 'az1', [h1, h2]);
  await free(h4, 'VCPU', 0);
  expect((await why())?.candidates).toBe(3);
  expect((await why({ availability_zone: 'az1' }))?.candidates).toBe(2);
  expect((await why({ requested_host: { host: h3, node: null } }))?.candidates).toBe(1);
  expect((await why({ requested_host: { host: h4, node: null } }))?.candidates).toBe(0);
  const steps = (await why({ requested_host: { host: h4, node: null } }))?.rejected.map(({ step, hosts: count }) => [step, count]);
  expect(steps?.toSorted()).toEqual([
    ['Placement', 1],
    ['RequestedHost', 3],
  ]);
  const group = await newGroup(fixture, 'affinity');
  expect((await why({ group }, 99))?.candidates).toBe(3);
});

test('up to ten hosts of a step are named', async () => {
  await fixture.addHosts({ cells: 1, hosts: 11 });
  const flavor = { ...tiny, vcpus: 99 };
  expect((await why({ flavor }))?.rejected).toEqual([{ step: 'Placement', hostClass: null, hosts: 11, names: null }]);
  await disable('cell1-host11');
  expect((await why({ flavor }))?.rejected.map(({ hosts: count, names }) => [count, names?.length]).toSorted()).toEqual([
    [1, 1],
    [10, 10],
  ]);
});
