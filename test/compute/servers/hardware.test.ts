/** What a flavor and an image may ask of hardware, and Nova's sentences for the rest. */
import { describe, expect, test } from 'vitest';
import { checkHardware, checkSpecs } from '../../../compute/servers/hardware.ts';
import { refusal } from '../../fixtures/refusal.ts';

type Asked = Record<string, string>;

/** 4 vCPUs and 4096 MiB, that two or four nodes can share evenly and three cannot. */
const check = (specs: Asked, properties: Asked = {}) =>
  refusal(() => checkHardware({ vcpus: 4, memory_mb: 4096, extra_specs: specs }, properties));

const overrides = (property: string, what: string) =>
  `Image property '${property}' is not permitted to override ${what} set against the flavor`;
const mixed = { 'hw:cpu_policy': 'mixed' };
const dedicated = { 'hw:cpu_policy': 'dedicated' };
const realtime = { 'hw:cpu_realtime': 'yes' };

describe('an extra spec', () => {
  test.each<[Asked, string]>([
    [
      { 'hw:cpu_policy': 'bogus' },
      "CPU policy requested from 'flavor extra specs' is invalid, given: 'bogus', available: '('dedicated', 'shared', 'mixed')'.",
    ],
    [
      { 'hw:cpu_thread_policy': 'bogus' },
      "CPU thread policy requested from 'flavor extra specs' is invalid, given: 'bogus', available: '('prefer', 'isolate', 'require')'.",
    ],
    [
      { 'hw:emulator_threads_policy': 'bogus' },
      "CPU emulator threads option requested is invalid, given: 'bogus', available: '('share', 'isolate')'.",
    ],
    [{ 'hw:mem_page_size': 'foo' }, "Invalid memory page size 'foo'"],
    [{ 'hw:mem_page_size': '-1' }, "Invalid memory page size '-1'"],
    [{ 'hw:numa_nodes': 'two' }, "The property 'numa_nodes' cannot be 'two'. It must be a number greater than 0"],
    [{ 'hw:numa_nodes': '0' }, "The property 'numa_nodes' cannot be '0'. It must be a number greater than 0"],
  ])('%j is refused alone, and at a boot', (specs, message) => {
    expect(refusal(() => checkSpecs(specs))).toBe(message);
    expect(check(specs)).toBe(message);
  });

  test('may be set before the one it needs beside it', () => {
    expect(refusal(() => checkSpecs(mixed))).toBeUndefined();
    expect(check(mixed)).toMatch(/^Dedicated CPU set can be specified from either/);
  });
});

const together: Record<string, [Asked, Asked, string][]> = {
  'CPU policies': [
    [{ 'hw:cpu_policy': 'shared' }, { hw_cpu_policy: 'dedicated' }, overrides('hw_cpu_policy', 'CPU pinning policy')],
    [{ 'hw:cpu_policy': 'shared' }, { hw_cpu_policy: 'mixed' }, overrides('hw_cpu_policy', 'CPU pinning policy')],
    [mixed, { hw_cpu_policy: 'dedicated' }, overrides('hw_cpu_policy', 'CPU pinning policy')],
    [
      { 'hw:cpu_thread_policy': 'isolate' },
      { hw_cpu_thread_policy: 'require' },
      overrides('hw_cpu_thread_policy', 'CPU thread pinning policy'),
    ],
    ...[{} as Asked, { 'hw:cpu_policy': 'shared' }].map((specs): [Asked, Asked, string] => [
      { ...specs, 'hw:cpu_thread_policy': 'isolate' },
      {},
      'Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy',
    ]),
    [{}, { hw_cpu_thread_policy: 'require' }, 'Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy'],
    [{ 'hw:emulator_threads_policy': 'isolate' }, {}, 'An isolated CPU emulator threads option requires a dedicated CPU policy option.'],
  ],
  'masks of dedicated CPUs': [
    ...[mixed as Asked, { ...mixed, ...realtime, 'hw:cpu_dedicated_mask': '0', 'hw:cpu_realtime_mask': '1' }].map(
      (specs): [Asked, Asked, string] => [
        specs,
        {},
        "Dedicated CPU set can be specified from either 'hw:cpu_dedicated_mask' or 'hw:cpu_realtime_mask' when using 'mixed' CPU policy. 'hw:cpu_dedicated_mask' and 'hw:cpu_realtime_mask' can not be specified at the same time, or be specified with none of them.",
      ],
    ),
    ...[{} as Asked, dedicated, { 'hw:cpu_policy': 'shared' }].map((specs): [Asked, Asked, string] => [
      { ...specs, 'hw:cpu_dedicated_mask': '0-1' },
      {},
      "Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.",
    ]),
    ...['0-3', '0-9', '^0-3'].map((mask): [Asked, Asked, string] => [
      { ...mixed, 'hw:cpu_dedicated_mask': mask },
      {},
      "Mixed instance must have at least 1 pinned vCPU and 1 unpinned vCPU. See 'hw:cpu_dedicated_mask'.",
    ]),
    [
      { ...mixed, 'hw:cpu_dedicated_mask': '3-4' },
      {},
      'Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor. See "hw:cpu_dedicated_mask"',
    ],
    [{ ...mixed, 'hw:cpu_dedicated_mask': '2-1' }, {}, "Invalid range expression '2-1'"],
  ],
  'realtime CPUs': [
    ...[{} as Asked, { 'hw:cpu_realtime_mask': '0-3' }, { 'hw:cpu_realtime_mask': '^0-3' }].map((mask): [Asked, Asked, string] => [
      { ...dedicated, ...realtime, ...mask },
      {},
      'Use of realtime CPUs requires either one or more non-realtime CPU(s) or offloaded emulator threads.',
    ]),
    [
      { ...dedicated, ...realtime, 'hw:cpu_realtime_mask': '0' },
      { hw_cpu_realtime_mask: '2-4' },
      'Realtime policy vCPU(s) mask is configured with RT vCPUs that are not a subset of the vCPUs in the flavor. See hw:cpu_realtime_mask or hw_cpu_realtime_mask',
    ],
    [{ ...realtime, 'hw:cpu_realtime_mask': '^0' }, {}, 'Cannot set realtime policy in a non dedicated cpu pinning policy'],
  ],
  'sizes of pages': [
    [{ 'hw:mem_page_size': 'large' }, { hw_mem_page_size: 'foo' }, "Invalid memory page size 'foo'"],
    [{ 'hw:mem_page_size': 'small' }, { hw_mem_page_size: '4' }, "Page size 4 forbidden against 'small'"],
    [{}, { hw_mem_page_size: '4' }, "Page size 4 forbidden against '<empty>'"],
  ],
  'serial ports': [
    [{ 'hw:serial_port_count': 'two' }, {}, "Number of serial ports specified in flavor is invalid: expected an integer, got 'two'"],
    [
      { 'hw:serial_port_count': '2' },
      { hw_serial_port_count: '3' },
      'Forbidden to exceed flavor value of number of serial ports passed in image meta.',
    ],
  ],
  'sockets, cores and threads': [
    ...['hw:cpu_sockets', 'hw:cpu_max_threads'].map((name): [Asked, Asked, string] => [
      { [name]: '1.5' },
      {},
      "Invalid flavor extra spec. Error: invalid literal for int() with base 10: '1.5'",
    ]),
    [
      { 'hw:cpu_max_cores': '2' },
      { hw_cpu_max_sockets: '8', hw_cpu_max_cores: '3' },
      'Image vCPU topology limits (sockets=8, cores=3, threads=0) exceeds the limits of the flavor (sockets=0, cores=2, threads=0)',
    ],
    [
      { 'hw:cpu_max_cores': '4', 'hw:cpu_max_threads': '2' },
      { hw_cpu_max_cores: '3', hw_cpu_cores: '4' },
      'Image vCPU topology (sockets=0, cores=4, threads=0) exceeds the limits of the flavor or image (sockets=65536, cores=3, threads=2)',
    ],
    [
      { 'hw:cpu_max_threads': '2' },
      { hw_cpu_threads: '3' },
      'Image vCPU topology (sockets=0, cores=0, threads=3) exceeds the limits of the flavor or image (sockets=65536, cores=65536, threads=2)',
    ],
  ],
  'NUMA nodes': [
    [{}, { hw_numa_nodes: '-1' }, "The property 'numa_nodes' cannot be '-1'. It must be a number greater than 0"],
    [{ 'hw:numa_nodes': '1' }, { hw_numa_nodes: '1' }, overrides('hw_numa_nodes', 'NUMA configuration')],
    ...(
      [
        [{ 'hw:numa_nodes': '3' }, {}],
        [{}, { hw_numa_nodes: '3' }],
        [{ 'hw:numa_nodes': '99999999999999999999' }, {}],
      ] as [Asked, Asked][]
    ).map(([specs, properties]): [Asked, Asked, string] => [
      specs,
      properties,
      'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of CPUs and memory to nodes is required',
    ]),
  ],
};

/** Two nodes, as far as they are given. */
const nodes = (cpus: string[], memory: string[], name = 'hw:numa'): Asked => ({
  'hw:numa_nodes': '2',
  ...Object.fromEntries(cpus.map((value, node) => [`${name}_cpus.${node}`, value])),
  ...Object.fromEntries(memory.map((value, node) => [`${name}_mem.${node}`, value])),
});
const incomplete = 'CPU and memory allocation must be provided for all NUMA nodes';
const even = ['2048', '2048'];

together['what each NUMA node gets'] = [
  [nodes(['0-1', '2-3'], []), {}, incomplete],
  [nodes([], even), {}, incomplete],
  [nodes(['0-3'], ['4096']), {}, incomplete],
  [nodes(['0-1', '2', '3'], ['2048', '1024', '1024']), {}, incomplete],
  [nodes(['0-1', '2-3'], even), nodes(['0-1', '2-3'], [], 'hw_numa'), overrides('hw_numa_cpus', 'NUMA configuration')],
  [nodes(['0-1', '2-3'], even), nodes([], even, 'hw_numa'), overrides('hw_numa_mem', 'NUMA configuration')],
  [nodes(['0-1', '2-4'], even), {}, 'CPU number 4 is larger than max 3'],
  [nodes(['0-2', '2-3'], even), {}, 'CPU number 2 is assigned to two nodes'],
  [nodes(['0', '2'], even), {}, 'CPU number {1, 3} is not assigned to any node'],
  [nodes(['0-1', '2-3'], ['2048', '1024']), {}, '3072 MB of memory assigned, but expected 4096 MB'],
  [nodes(['0-1', '2-x'], even), {}, "Invalid range expression '2-x'"],
  [nodes(['0-1', '2-3'], ['2048', '2G']), {}, "Invalid flavor extra spec. Error: invalid literal for int() with base 10: '2G'"],
  [{ 'hw:numa_nodes': '2' }, nodes(['0', '2-3'], even, 'hw_numa'), 'CPU number {1} is not assigned to any node'],
];

describe.each(Object.entries(together))('%s', (_name, cases) => {
  test.each(cases)('%j with an image of %j is refused', (specs, { 'hw:numa_nodes': _, ...properties }, message) => {
    expect(check(specs, properties)).toBe(message);
  });
});

test('a range that no host has is refused, not written out', () => {
  expect(check({ ...mixed, 'hw:cpu_dedicated_mask': '1-99999999999' })).toBe(
    'Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor. See "hw:cpu_dedicated_mask"',
  );
});

test.each<[Asked, Asked]>([
  [{}, {}],
  [
    { ...dedicated, 'hw:cpu_thread_policy': 'prefer' },
    { hw_cpu_policy: 'shared', hw_cpu_thread_policy: 'require' },
  ],
  [{ ...dedicated, 'hw:emulator_threads_policy': 'isolate' }, {}],
  [{ 'hw:emulator_threads_policy': 'share' }, {}],
  [{ ...mixed, 'hw:cpu_dedicated_mask': '^0' }, { hw_cpu_policy: 'mixed' }],
  [{ ...mixed, ...realtime, 'hw:cpu_realtime_mask': '2,3', 'hw:cpu_thread_policy': 'isolate' }, {}],
  [{ ...dedicated, ...realtime, 'hw:emulator_threads_policy': 'share' }, {}],
  [{ ...dedicated, ...realtime }, { hw_cpu_realtime_mask: '^0' }],
  [{ 'hw:cpu_realtime': 'no' }, {}],
  [{ 'hw:serial_port_count': '2' }, { hw_serial_port_count: '2' }],
  [{ 'hw:serial_port_count': '0' }, { hw_serial_port_count: '2' }],
  [{}, { hw_serial_port_count: '3', hw_cpu_cores: '8', hw_cpu_max_cores: '8' }],
  // A wish of the flavor that the image's limit forbids is dropped.
  [
    { 'hw:cpu_cores': '4', 'hw:cpu_max_cores': '4' },
    { hw_cpu_max_cores: '2', hw_cpu_cores: '2' },
  ],
  [{ 'hw:mem_page_size': '2MB', 'hw:numa_nodes': '2' }, {}],
  [{ 'hw:mem_page_size': 'any' }, { hw_mem_page_size: '2048' }],
  [{}, { hw_numa_nodes: ' 2', hw_cpu_policy: 'dedicated' }],
  [nodes(['0', '1-3'], ['1024', '3072']), {}],
  [{ 'hw:numa_nodes': '2' }, { 'hw_numa_cpus.0': '0-3,^1', 'hw_numa_cpus.1': '1', 'hw_numa_mem.0': '4000', 'hw_numa_mem.1': '96' }],
  // Without a node, pages or pinned CPUs, Nova looks at no list.
  [{ 'hw:numa_cpus.0': '0' }, {}],
  [{ 'hw:mem_page_size': '0', 'hw:numa_cpus.0': '0' }, {}],
])('%j with an image of %j is accepted', (specs, properties) => {
  expect(check(specs, properties)).toBeUndefined();
});
