/** How a search that failed is explained, as a function of what was read; reasons.test.ts has the whole, with what is read. */
import { expect, test } from 'vitest';
import { rejectForGroup } from '../../../compute/scheduler/filters/index.ts';
import {
  explainLostClaims,
  explainNoValidHost,
  explainUnknownHost,
  type NoValidHost,
  type NoValidHostInput,
} from '../../../compute/scheduler/no-valid-host.ts';
import type { Reasons, RejectedHosts } from '../../../database/api/scheduler/scheduling-state.ts';
import { group, host, spec } from './states.ts';

const need = { VCPU: 2, MEMORY_MB: 512, DISK_GB: 1 };
const free = (VCPU: number, MEMORY_MB: number, DISK_GB: number) => ({ free: { VCPU, MEMORY_MB, DISK_GB } });
const suffices = { VCPU: 1, MEMORY_MB: 2, DISK_GB: 3 };

interface Search extends Partial<Omit<NoValidHostInput, 'reasons' | 'after'>> {
  reasons?: Partial<Reasons>;
  after?: Partial<NoValidHostInput['after']>;
}

/** A search for one server among four hosts. */
function explain({ reasons, after, ...search }: Search): NoValidHost {
  return explainNoValidHost({
    ...{ spec: spec(), servers: 1, placed: 0, rejections: new Map(), ...search },
    after: { need, group: null, hosts: [], hostClasses: new Map(), ...after },
    reasons: { hosts: 4, rejected: [], asked: 0, suffices, nearest: null, candidates: 0, ...reasons },
  });
}
const lines = (search: Search) => explain(search).message.split('\n');
const rejectedAt = (step: string, hosts: number, names: string[] | null = null): RejectedHosts => ({ step, hostClass: null, hosts, names });

test('a host is unknown by its name or its node, with what is not asked for as None', () => {
  expect(explainUnknownHost(2, { ...spec(), requested_host: { host: 'ghost', node: null } })).toMatchObject({
    message: [
      'No valid host was found. No such host - host: ghost node: None ',
      'Asked: 2 servers with VCPU 1, MEMORY_MB 512, DISK_GB 1 each, on host ghost.',
      'First cause: UnknownHost.',
    ].join('\n'),
    report: { servers: 2, first_cause: 'UnknownHost', hosts: 0, rejected: {} },
  });
  expect(
    explainUnknownHost(1, { ...spec(), requested_host: { host: null, node: 'n1' } })
      .message.split('\n')
      .slice(0, 2),
  ).toEqual([
    'No valid host was found. No such host - host: None node: n1 ',
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1, on host n1.',
  ]);
});

test('claims that were lost each time say how often', () => {
  const error = explainLostClaims(1, spec(), group('anti-affinity', { placed: 3 }), 60);
  expect(error.message.split('\n')).toEqual([
    'No valid host was found. There are not enough hosts available.',
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1, in server group web (anti-affinity, 3 placed).',
    'Other boots took the hosts 60 times.',
    'First cause: LostClaims.',
  ]);
  expect(error.report).toEqual({ servers: 1, first_cause: 'LostClaims', hosts: 0, rejected: {} });
});

test('the hosts of a group are counted without the servers of this request', () => {
  const [, asked] = lines({ servers: 3, placed: 2, after: { group: group('anti-affinity', { placed: 5, mostPerHost: 2 }) } });
  expect(asked).toBe(
    'Asked: 3 servers with VCPU 1, MEMORY_MB 512, DISK_GB 1 each, in server group web (anti-affinity with at most 2 a host, 3 placed).',
  );
});

test('a forced host has no zone', () => {
  const zoned = { ...spec(), availability_zone: 'az1' };
  expect(lines({ spec: zoned })[1]).toBe('Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1, in availability zone az1.');
  expect(lines({ spec: { ...zoned, forced_host: { host: 'h1', node: null } } })[1]).toBe(
    'Asked: 1 server with VCPU 1, MEMORY_MB 512, DISK_GB 1, on host h1 (forced).',
  );
});

test('hosts count down step by step; the last step that rejects is the cause', () => {
  const error = explain({
    reasons: { rejected: [rejectedAt('AvailabilityZone', 3, ['c', 'a', 'b']), rejectedAt('HostMapping', 1)], candidates: 1 },
  });
  expect(error.message.split('\n').slice(2)).toEqual([
    'Hosts: 4.',
    'HostMapping: 1 of 4 hosts rejected, no cell has them.',
    'AvailabilityZone: 3 of 3 hosts rejected, they are in another zone (a, b, c).',
    'First cause: AvailabilityZone.',
  ]);
  expect(error.report).toEqual({
    servers: 1,
    first_cause: 'AvailabilityZone',
    hosts: 4,
    rejected: { HostMapping: 1, AvailabilityZone: 3 },
  });
});

test("without a candidate it is Nova's shorter sentence", () => {
  expect(lines({ reasons: { candidates: 0 } })[0]).toBe('No valid host was found. ');
  expect(lines({ reasons: { candidates: 1 } })[0]).toBe('No valid host was found. There are not enough hosts available.');
});

test('what Placement was asked stands in the report; a host that is nearest names the resource', () => {
  const placement = { rejected: [rejectedAt('Placement', 4)], asked: 4 };
  expect(explain({ reasons: { asked: 1 } }).report).toHaveProperty('suffices');
  expect(explain({ reasons: { asked: 0 } }).report).not.toHaveProperty('suffices');
  const nearest = { host: 'near', free: { VCPU: 1, MEMORY_MB: 512, DISK_GB: 0 } };
  const error = explain({ reasons: { ...placement, nearest } });
  expect(error.message.split('\n').slice(3)).toEqual([
    'Placement: 4 of 4 hosts rejected, they have too little capacity.',
    'VCPU: 1 of 4 hosts suffice; the nearest has 1 free, 1 short.',
    'MEMORY_MB: 2 of 4 hosts suffice; the nearest has 512 free.',
    'DISK_GB: 3 of 4 hosts suffice; the nearest has 0 free, 1 short.',
    'Nearest host: near.',
    // One of one is more than one of two.
    'First cause: DISK_GB.',
  ]);
  expect(error.report).toMatchObject({ suffices, nearest: nearest.free });
  expect(lines({ reasons: placement }).slice(3)).toEqual([
    'Placement: 4 of 4 hosts rejected, they have too little capacity.',
    'First cause: Placement.',
  ]);
});

test('under affinity the servers need their capacity together', () => {
  const rejected = [rejectedAt('Placement', 4)];
  const nearest = { host: 'near', free: { VCPU: 5, MEMORY_MB: 1_100, DISK_GB: 1 } };
  const together = { rejected, asked: 4, nearest };
  expect(lines({ servers: 3, after: { group: group('affinity') }, reasons: together }).slice(3)).toEqual([
    'Placement: 4 of 4 hosts rejected, they have too little capacity for all 3 servers.',
    'VCPU: 1 of 4 hosts suffice; the nearest has 5 free, 1 short.',
    'MEMORY_MB: 2 of 4 hosts suffice; the nearest has 1100 free, 436 short.',
    'DISK_GB: 3 of 4 hosts suffice; the nearest has 1 free, 2 short.',
    'Nearest host: near.',
    'First cause: DISK_GB.',
  ]);
  const [, , , two] = lines({ servers: 2, after: { group: group('affinity') }, reasons: together });
  expect(two).toBe('Placement: 4 of 4 hosts rejected, they have too little capacity for all 2 servers.');
  const alone = 'Placement: 4 of 4 hosts rejected, they have too little capacity.';
  expect(lines({ servers: 3, after: { group: group('anti-affinity') }, reasons: together })[3]).toBe(alone);
  expect(lines({ servers: 1, after: { group: group('affinity') }, reasons: together })[3]).toBe(alone);
});

test('the hosts left: the nearest of them all, and every resource that it lacks', () => {
  const hosts = [host('far', free(0, 0, 0)), host('near', free(1, 512, 0)), host('farther', free(0, 0, 0))];
  const rejected = [rejectedAt('CellDisabled', 1)];
  expect(lines({ servers: 3, placed: 2, after: { hosts }, reasons: { rejected } }).slice(3)).toEqual([
    'CellDisabled: 1 of 4 hosts rejected, their cell is disabled.',
    'The 3 hosts left can hold 2 of 3 servers; then the nearest, near, is short of 1 VCPU, 1 DISK_GB.',
    'First cause: DISK_GB.',
  ]);
  const nearest = { host: 'nearest', free: { VCPU: 1, MEMORY_MB: 500, DISK_GB: 1 } };
  expect(lines({ after: { hosts }, reasons: { hosts: 1, nearest } }).slice(3)).toEqual([
    'The host left can hold 0 of 1 servers; then the nearest, nearest, is short of 1 VCPU, 12 MEMORY_MB.',
    'First cause: VCPU.',
  ]);
});

test('each resource is measured by the need: one of one is more than one of two', () => {
  const hosts = [host('without disk', free(2, 512, 0)), host('near', free(1, 512, 1))];
  expect(lines({ after: { hosts }, reasons: { hosts: 2 } }).at(-2)).toBe(
    'The 2 hosts left can hold 0 of 1 servers; then the nearest, near, is short of 1 VCPU.',
  );
  const nothing = { host: 'near', free: { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 } };
  const rejected = [rejectedAt('Placement', 4)];
  expect(lines({ reasons: { rejected, nearest: nothing } }).at(-1), 'all of all').toBe('First cause: VCPU.');
});

test('nothing of a resource that is not needed is not lacking', () => {
  const hosts = [host('far', free(0, 512, 9)), host('near', free(1, 0, 0))];
  expect(lines({ after: { hosts, need: { VCPU: 1, MEMORY_MB: 1_024, DISK_GB: 0 } }, reasons: { hosts: 2 } }).slice(-2)).toEqual([
    'The 2 hosts left can hold 0 of 1 servers; then the nearest, near, is short of 1024 MEMORY_MB.',
    'First cause: MEMORY_MB.',
  ]);
  const nearest = { host: 'near', free: { VCPU: 0, MEMORY_MB: 511, DISK_GB: 9 } };
  const rejected = [rejectedAt('Placement', 4)];
  expect(lines({ after: { need: { ...need, VCPU: 0 } }, reasons: { rejected, nearest } }).at(-1)).toBe('First cause: MEMORY_MB.');
});

test('the hosts left: none that could be read', () => {
  expect(lines({ reasons: { hosts: 2 } }).slice(-2)).toEqual([
    'The 2 hosts left can hold 0 of 1 servers; then there is none.',
    'First cause: NoHosts.',
  ]);
});

test('hosts left with the capacity are rejected by the group; those without are not asked', () => {
  const apart = group('anti-affinity');
  const [full, small] = [host('full', { members: 1 }), host('small', free(1, 1, 1))];
  expect(rejectForGroup(small, apart)).toBeUndefined();
  expect(lines({ after: { group: apart, hosts: [small, full] }, reasons: { hosts: 2 } }).slice(-2)).toEqual([
    'The 2 hosts left can hold 0 of 1 servers; then ServerGroupAntiAffinityFilter rejects every host with the capacity.',
    'First cause: ServerGroupAntiAffinityFilter.',
  ]);
});

/** Lines on classes of hosts that one filter rejected, each for a reason of its own. */
function rejectedClasses(reasons: readonly string[], hosts: number, names: (string[] | null)[] = []): string | undefined {
  const classes = reasons.map((reason, index) => [`class ${index}`, { filter: 'ImagePropertiesFilter', reason }] as const);
  const rejected = classes.map(([hostClass], index) => ({ step: 'HostClass', hostClass, hosts, names: names[index] ?? null }));
  return lines({ rejections: new Map(classes), reasons: { hosts: 40, rejected } })[3];
}

test('three reasons of a filter are listed, each once, and the others counted', () => {
  expect(rejectedClasses(['a', 'b', 'c'], 2)).toBe('ImagePropertiesFilter: 6 of 40 hosts rejected, a; b; c.');
  expect(rejectedClasses(['a', 'b', 'a', 'c', 'd', 'e'], 2)).toBe(
    'ImagePropertiesFilter: 12 of 40 hosts rejected, a; b; c; 2 other reasons.',
  );
});

test('up to ten hosts are named where all names are known and 300 characters are enough', () => {
  expect(rejectedClasses(['a', 'b'], 5, [['h2'], ['h1']])).toBe('ImagePropertiesFilter: 10 of 40 hosts rejected, a; b (h1, h2).');
  expect(rejectedClasses(['a', 'b'], 5, [['h2']])).toBe('ImagePropertiesFilter: 10 of 40 hosts rejected, a; b.');
  expect(rejectedClasses(['a'], 11, [['h1']])).toBe('ImagePropertiesFilter: 11 of 40 hosts rejected, a.');
  expect(rejectedClasses(['a'], 1, [['h'.repeat(300)]])).toBe(`ImagePropertiesFilter: 1 of 40 hosts rejected, a (${'h'.repeat(300)}).`);
  expect(rejectedClasses(['a'], 1, [['h'.repeat(301)]])).toBe('ImagePropertiesFilter: 1 of 40 hosts rejected, a.');
});

test('an explanation ends after 4000 characters, and then names its first cause', () => {
  const ofLength = (length: number) => {
    const short = explain({ spec: { ...spec(), availability_zone: '' } }).message;
    const cause = '\nFirst cause: NoHosts.';
    return explain({ spec: { ...spec(), availability_zone: 'z'.repeat(length - short.length + cause.length) } }).message.replace(cause, '');
  };
  expect(ofLength(4_000)).toMatch(/hosts? left can hold/);
  expect(ofLength(4_000)).toHaveLength(4_000);
  expect(ofLength(4_001)).toHaveLength(4_001);
  expect(ofLength(4_001).endsWith('…')).toBe(true);
});
