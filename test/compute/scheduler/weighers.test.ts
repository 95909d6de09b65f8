/** Weighing and selecting, as functions of hosts. */
import { expect, test } from 'vitest';
import { configuration } from '../../../compute/scheduler/configuration.ts';
import { resourcesOf, selectHosts } from '../../../compute/scheduler/select-hosts.ts';
import { normalise, weigh, weighers } from '../../../compute/scheduler/weighers/index.ts';
import type { Group, HostState } from '../../../database/api/scheduler/scheduling-state.ts';
import { group, host, hostClass, spec } from './states.ts';

const { multipliers } = configuration;
const none = Object.fromEntries(Object.keys(multipliers).map((name) => [name, 0])) as unknown as typeof multipliers;
const hostClasses = new Map([
  ['plain', hostClass()],
  ['new', hostClass({ hypervisor_version: 2 })],
]);
const order = (hosts: HostState[], weights = multipliers, of: Group | null = null) =>
  weigh(hosts, { group: of, hostClasses }, weights, ({ provider }) => provider).map((each) => each.host);
const free = (VCPU: number, MEMORY_MB: number, DISK_GB: number) => ({ free: { VCPU, MEMORY_MB, DISK_GB } });

test('every multiplier has its weigher', () => {
  expect(weighers.map(({ name }) => name)).toEqual(Object.keys(multipliers));
});

test("the settings are Nova's", () => {
  expect(configuration).toEqual({
    multipliers: {
      ...{ ram: 1, cpu: 1, disk: 1, hypervisor_version: 1, num_instances: 0, io_ops: -1, image_props: 0 },
      ...{ soft_affinity: 1, soft_anti_affinity: 1, build_failure: 1_000_000 },
    },
    maxAttempts: 3,
    candidates: 100,
  });
});

test('free capacity and starts count from nothing, all else from the least among the hosts', () => {
  expect(weighers.filter(({ least }) => least === 0).map(({ name }) => name)).toEqual(['ram', 'cpu', 'disk', 'io_ops']);
  expect(weighers.filter(({ least }) => least !== 0 && least !== undefined)).toEqual([]);
});

test('numbers are brought to 0..1 between the least and the most, or from what counts as 0', () => {
  expect(normalise([2, 4, 3])).toEqual([0, 1, 0.5]);
  expect(normalise([2, 4, 3], 0)).toEqual([0.5, 1, 0.75]);
  expect(normalise([-1, 4], 0)).toEqual([0, 1]);
  expect(normalise([7, 7])).toEqual([0, 0]);
  expect(normalise([7, 7], 0)).toEqual([1, 1]);
  expect(normalise([])).toEqual([]);
});

test('each weigher prefers its own', () => {
  const preferred = (name: keyof typeof multipliers, better: Partial<HostState>, of: Group | null = null) =>
    order(
      [host('other', { members: 1, starting: 1, failedBuilds: 1, ...free(1, 1, 1) }), host('better', better)],
      { ...none, [name]: multipliers[name] || 1 },
      of,
    );
  expect(preferred('ram', free(1, 2, 1))).toEqual(['better', 'other']);
  expect(preferred('cpu', free(2, 1, 1))).toEqual(['better', 'other']);
  expect(preferred('disk', free(1, 1, 2))).toEqual(['better', 'other']);
  expect(preferred('hypervisor_version', { hostClass: 'new' })).toEqual(['better', 'other']);
  expect(preferred('num_instances', { servers: 1 })).toEqual(['better', 'other']);
  expect(preferred('io_ops', { starting: 0 })).toEqual(['better', 'other']);
  expect(preferred('image_props', { alikeProperties: 1 })).toEqual(['better', 'other']);
  expect(preferred('soft_affinity', { members: 2 }, group('soft-affinity'))).toEqual(['better', 'other']);
  expect(preferred('soft_affinity', { members: 2 })).toEqual(['other', 'better']);
  expect(preferred('soft_anti_affinity', { members: 0 }, group('soft-anti-affinity'))).toEqual(['better', 'other']);
  expect(preferred('build_failure', { failedBuilds: 0 })).toEqual(['better', 'other']);
});

test('a host whose hypervisor has no version is older than any other', () => {
  const unknown = new Map([...hostClasses, ['unknown', hostClass({ hypervisor_version: undefined })]]);
  const hosts = [host('unknown', { hostClass: 'unknown' }), host('first')];
  const weights = { ...none, hypervisor_version: 1 };
  expect(weigh(hosts, { group: null, hostClasses: unknown }, weights, ({ provider }) => provider)[0]?.host).toBe('first');
});

test('hosts that weigh the same are in the order of their ties', () => {
  const hosts = [host('a'), host('b'), host('c'), host('d')];
  expect(order(hosts, none)).toEqual(['a', 'b', 'c', 'd']);
  expect(order(hosts.toReversed(), none)).toEqual(['a', 'b', 'c', 'd']);
});

test('a negative multiplier turns a preference round, and failed builds outweigh all else', () => {
  const hosts = [host('full', free(1, 1, 1)), host('empty', free(8, 8, 8))];
  expect(order(hosts)).toEqual(['empty', 'full']);
  expect(order(hosts, { ...multipliers, ram: -1, cpu: -1, disk: -1 })).toEqual(['full', 'empty']);
  expect(order([...hosts, host('failing', { failedBuilds: 1, ...free(16, 16, 16) })])).toEqual(['empty', 'full', 'failing']);
});

const need = { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 };
const select = (hosts: HostState[], servers: string[], of: Group | null = null, breadth = 1) => {
  const { selections, after } = selectHosts({ need, group: of, hosts, hostClasses }, servers, configuration, breadth);
  return {
    hosts: [...selections.values()].map((each) => each.host.host),
    alternates: [...selections.values()].map((each) => each.alternates),
    after,
  };
};

test('the same state leads to the same hosts; servers of a request spread, and take what the ones before left', () => {
  const hosts = [host('a'), host('b'), host('c', free(1, 512, 1))];
  expect(select(hosts, ['s1', 's2'])).toEqual(select(hosts, ['s1', 's2']));
  expect(new Set(select(hosts, ['s1', 's2']).hosts)).toEqual(new Set(['a', 'b']));
  expect(select([host('small', free(2, 1_024, 2))], ['s1', 's2', 's3']).hosts).toEqual(['small', 'small']);
});

test('alternates are the best others of the same cell and zone, never selected by the request', () => {
  const hosts = [
    host('best', free(16, 65_536, 500)),
    host('second', free(15, 60_000, 400)),
    host('third', free(14, 50_000, 300)),
    host('fourth', free(13, 40_000, 200)),
    host('far', { cell: 'cell2' }),
    host('elsewhere', { zone: 'az2' }),
    host('full', free(0, 65_536, 500)),
  ].map((each) => (each.host === 'far' || each.host === 'elsewhere' ? { ...each, starting: 9 } : each));
  expect(select(hosts, ['s1'])).toMatchObject({ hosts: ['best'], alternates: [['second', 'third']] });
  expect(select(hosts.slice(0, 3), ['s1', 's2'])).toMatchObject({ hosts: ['best', 'second'], alternates: [['third'], ['third']] });
});

test('disk is root, ephemeral and swap; swap counts in whole GiB', () => {
  const flavor = { ...spec().flavor, vcpus: 3, memory_mb: 2_048, root_gb: 10, ephemeral_gb: 20 };
  const disk = (swap: number) => resourcesOf({ ...spec(), flavor: { ...flavor, swap } });
  expect(disk(0)).toEqual({ VCPU: 3, MEMORY_MB: 2_048, DISK_GB: 30 });
  expect([1, 1_024, 1_025].map((swap) => disk(swap).DISK_GB)).toEqual([31, 31, 32]);
});

test('a host has the capacity when each resource just suffices', () => {
  expect(select([host('a', free(1, 512, 1))], ['s1']).hosts).toEqual(['a']);
  for (const short of [free(0, 512, 1), free(1, 511, 1), free(1, 512, 0)]) expect(select([host('a', short)], ['s1']).hosts).toEqual([]);
});

test('what a server takes of its host counts for the next one', () => {
  const state = { members: 3, starting: 5, servers: 7 };
  const [alone] = select([host('a', state)], ['s1']).after.hosts;
  expect(alone).toMatchObject({ members: 0, starting: 6, servers: 8, free: { VCPU: 15, MEMORY_MB: 65_024, DISK_GB: 499 } });
  const { hosts: [fellow] = [], group: team } = select([host('a', state)], ['s1'], group('soft-affinity', { placed: 3 })).after;
  expect(fellow).toMatchObject({ members: 4, starting: 5, servers: 8 });
  expect(team?.placed).toBe(4);
});

test('a host takes as many members as the rule says, and no more', () => {
  const apart = group('anti-affinity', { mostPerHost: 2 });
  expect(select([host('a'), host('b')], ['s1', 's2', 's3', 's4', 's5'], apart).hosts.toSorted()).toEqual(['a', 'a', 'b', 'b']);
});

test('groups hold within one request', () => {
  const hosts = () => [host('a'), host('b'), host('c', { members: 1 })];
  const apart = select(hosts(), ['s1', 's2', 's3'], group('anti-affinity', { placed: 1 }));
  expect(apart.hosts.toSorted()).toEqual(['a', 'b']);
  expect(select(hosts(), ['s1', 's2', 's3'], group('affinity', { placed: 1 }))).toMatchObject({
    hosts: ['c', 'c', 'c'],
    alternates: [[], [], []],
  });
  const together = select([host('a'), host('b')], ['s1', 's2'], group('affinity')).hosts;
  expect(together[0]).toBe(together[1]);
  expect(select(hosts(), ['s1', 's2', 's3'], group('soft-affinity', { placed: 1 })).hosts).toEqual(['c', 'c', 'c']);
  expect(select(hosts(), ['s1', 's2'], group('soft-anti-affinity', { placed: 1 })).hosts.toSorted()).toEqual(['a', 'b']);
});

test('boots that keep claiming the same hosts spread over more of the best hosts', () => {
  const hosts = Array.from({ length: 16 }, (_, index) => host(`h${index}`, free(16, 65_536 - index, 500)));
  const picked = (breadth: number) =>
    new Set(Array.from({ length: 100 }, (_, server) => select(hosts, [`s${server}`], null, breadth).hosts[0]));
  expect(picked(1)).toEqual(new Set(['h0']));
  expect(picked(4).size).toBe(4);
  expect(picked(64).size).toBe(16);
});
