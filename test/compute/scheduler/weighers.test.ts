/** Weighing and selecting, as functions of hosts. */
import { expect, test } from 'vitest';
import { configuration } from '../../../compute/scheduler/configuration.ts';
import { selectHosts } from '../../../compute/scheduler/select-hosts.ts';
import { normalise, weigh, weighers } from '../../../compute/scheduler/weighers/index.ts';
import type { Group, HostState } from '../../../database/api/scheduler/scheduling-state.ts';
import { group, host, kind } from './states.ts';

const { multipliers } = configuration;
const none = Object.fromEntries(Object.keys(multipliers).map((name) => [name, 0])) as unknown as typeof multipliers;
const kinds = new Map([
  ['plain', kind()],
  ['new', kind({ hypervisor_version: 2 })],
]);
const order = (hosts: HostState[], weights = multipliers, of: Group | null = null) =>
  weigh(hosts, { group: of, kinds }, weights, ({ provider }) => provider).map((each) => each.host);
const free = (VCPU: number, MEMORY_MB: number, DISK_GB: number) => ({ free: { VCPU, MEMORY_MB, DISK_GB } });

test('every multiplier has its weigher', () => {
  expect(weighers.map(({ name }) => name)).toEqual(Object.keys(multipliers));
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
  expect(preferred('hypervisor_version', { kind: 'new' })).toEqual(['better', 'other']);
  expect(preferred('num_instances', { servers: 1 })).toEqual(['better', 'other']);
  expect(preferred('io_ops', { starting: 0 })).toEqual(['better', 'other']);
  expect(preferred('image_props', { alikeProperties: 1 })).toEqual(['better', 'other']);
  expect(preferred('soft_affinity', { members: 2 }, group('soft-affinity'))).toEqual(['better', 'other']);
  expect(preferred('soft_affinity', { members: 2 })).toEqual(['other', 'better']);
  expect(preferred('soft_anti_affinity', { members: 0 }, group('soft-anti-affinity'))).toEqual(['better', 'other']);
  expect(preferred('build_failure', { failedBuilds: 0 })).toEqual(['better', 'other']);
});

test('a negative multiplier turns a preference round, and failed builds outweigh all else', () => {
  const hosts = [host('full', free(1, 1, 1)), host('empty', free(8, 8, 8))];
  expect(order(hosts)).toEqual(['empty', 'full']);
  expect(order(hosts, { ...multipliers, ram: -1, cpu: -1, disk: -1 })).toEqual(['full', 'empty']);
  expect(order([...hosts, host('failing', { failedBuilds: 1, ...free(16, 16, 16) })])).toEqual(['empty', 'full', 'failing']);
});

const need = { VCPU: 1, MEMORY_MB: 512, DISK_GB: 1 };
const select = (hosts: HostState[], servers: string[], of: Group | null = null, breadth = 1) => {
  const { selections, after } = selectHosts({ need, group: of, hosts, kinds }, servers, configuration, breadth);
  return {
    hosts: [...selections.values()].map((each) => each.host.host),
    alternates: [...selections.values()].map((each) => each.alternates),
    after,
  };
};

test('the same state gives the same hosts; servers of a request spread, and take what the ones before left', () => {
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

test('boots that keep taking each other the room spread over more of the best hosts', () => {
  const hosts = Array.from({ length: 16 }, (_, index) => host(`h${index}`, free(16, 65_536 - index, 500)));
  const picked = (breadth: number) =>
    new Set(Array.from({ length: 100 }, (_, server) => select(hosts, [`s${server}`], null, breadth).hosts[0]));
  expect(picked(1)).toEqual(new Set(['h0']));
  expect(picked(4).size).toBe(4);
  expect(picked(64).size).toBe(16);
});
