/** Every filter as a function: what it lets pass, and its words for what it does not. */
import { expect, test } from 'vitest';
import { computeCapabilitiesFilter } from '../../../compute/scheduler/filters/compute-capabilities-filter.ts';
import { matches } from '../../../compute/scheduler/filters/extra-specs-operators.ts';
import { imagePropertiesFilter } from '../../../compute/scheduler/filters/image-properties-filter.ts';
import { groupFilters, hostClassFilters, rejectForGroup, rejectHostClass } from '../../../compute/scheduler/filters/index.ts';
import { resourceClassFilter } from '../../../compute/scheduler/filters/resource-class-filter.ts';
import { traitsFilter } from '../../../compute/scheduler/filters/traits-filter.ts';
import { group, host, hostClass, spec } from './states.ts';

test("the filters are Nova's default ones, in its order", () => {
  expect([...hostClassFilters, ...groupFilters].map(({ name }) => name)).toEqual([
    'ResourceClass',
    'Traits',
    'ComputeCapabilitiesFilter',
    'ImagePropertiesFilter',
    'ServerGroupAntiAffinityFilter',
    'ServerGroupAffinityFilter',
  ]);
});

test.each([
  ['1', '1', true],
  ['1', '2', false],
  ['', '', true],
  ['123', '= 124', false],
  ['124', '= 123', true],
  ['123', '= 123', true],
  ['', '>= 0', false],
  ['0', '>= ', false],
  ['1.0', '== 1', true],
  ['1', '!= 1', false],
  ['2', '>= 2', true],
  ['10', '>= 9', true],
  ['2', '<= 1', false],
  ['1', '<= 1', true],
  ['abc', '>= 1', false],
  ['abc', '!= 1', false],
  ['10', 's< 9', true],
  ['9', 's< 9', false],
  ['b', 's<= b', true],
  ['b', 's> a', true],
  ['a', 's> a', false],
  ['a', 's>= b', false],
  ['b', 's>= b', true],
  ['a', 's== a', true],
  ['a', 's!= a', false],
  ['a', 's==', false],
  ['12311321', '<in> 11', true],
  ['12310321', '<in> 11', false],
  ['12', '<or> 11 <or> 12', true],
  ['13', '<or> 11 <or> 12', false],
  ['<or>', '<or> 11 <or> 12', false],
  ["['aes', 'mmx', 'aux']", '<all-in> aes mmx', true],
  ["['aes', 'aux']", '<all-in> aes mmx', false],
  ['aes', '<all-in>', false],
  ['aes', '<all-in> aes', true],
  ['12', ' <or>  11 <or>  12', true],
  ['> 1', '> 1', true],
])('%j is what %j says: %j', (value, requirement, expected) => {
  expect(matches(value, requirement)).toBe(expected);
});

test.each<[Record<string, string>, Record<string, unknown>, string | undefined]>([
  [{}, {}, undefined],
  [{ 'capabilities:hypervisor_type': 's== simulated' }, {}, undefined],
  [{ 'capabilities:hypervisor_type': 'QEMU' }, {}, 'capabilities:hypervisor_type is "simulated", asked is "QEMU"'],
  [{ hypervisor_type: 'QEMU' }, {}, 'hypervisor_type is "simulated", asked is "QEMU"'],
  [{ unheard_of: 'QEMU' }, {}, undefined],
  [{ 'quota:cpu_shares': '1' }, {}, undefined],
  [{ 'capabilities:unheard_of': '1' }, {}, 'capabilities:unheard_of is asked to be "1", and is not known'],
  [{ 'capabilities:cpu_info:topology:cores': '>= 4' }, { cpu_info: { topology: { cores: 8 } } }, undefined],
  [{ 'capabilities:cpu_info:features': '<all-in> aes mmx' }, { cpu_info: '{"features": ["aes", "mmx"]}' }, undefined],
  [{ 'capabilities:gpu': 'True' }, { gpu: true }, undefined],
  [{ 'capabilities:gpu': 'None' }, { gpu: null }, 'capabilities:gpu is asked to be "None", and is not known'],
  [{ 'capabilities:gpus': "[None, True, False, 'a', 1, {'b': 'c'}]" }, { gpus: [null, true, false, 'a', 1, { b: 'c' }] }, undefined],
  [{ 'capabilities:gpu': 'False' }, { gpu: false }, undefined],
  ...[null, 4, 'no JSON', {}].map((gpu): [Record<string, string>, Record<string, unknown>, string] => [
    { 'capabilities:gpu:vendor': 'any' },
    { gpu },
    'capabilities:gpu:vendor is asked to be "any", and is not known',
  ]),
  [
    { 'hw:maxphysaddr_bits': '48' },
    { cpu_info: { maxphysaddr: { bits: 46 } } },
    'capabilities:cpu_info:maxphysaddr:bits is "46", asked is ">= 48"',
  ],
])('extra specs %j against capabilities %j', (extraSpecs, capabilities, reason) => {
  expect(computeCapabilitiesFilter.rejectionReason(hostClass(capabilities), spec(extraSpecs))).toBe(reason);
});

const xen = {
  hypervisor_version: 4_017_002,
  supported_instances: [
    ['x86_64', 'xen', 'xen'],
    ['i686', 'xen', 'hvm'],
  ],
};
test.each<[Record<string, string>, Record<string, unknown>, string | undefined]>([
  [{}, { supported_instances: [] }, undefined],
  [{ hw_architecture: 'amd64' }, {}, undefined],
  [{ architecture: 'AArch64' }, {}, 'the image needs aarch64, supported is x86_64, simulated, hvm; i686, simulated, hvm'],
  [{ hw_architecture: 'i386', hw_vm_mode: 'HVM' }, xen, undefined],
  [{ hw_architecture: 'x86_64', vm_mode: 'hv' }, xen, 'the image needs x86_64, hvm, supported is x86_64, xen, xen; i686, xen, hvm'],
  [{ hypervisor_type: 'xapi', hw_vm_mode: 'pv' }, xen, undefined],
  [{ img_hv_type: 'kvm' }, {}, 'the image needs kvm, supported is x86_64, simulated, hvm; i686, simulated, hvm'],
  [{ hypervisor_type: 'kvm' }, {}, 'the image needs kvm, supported is x86_64, simulated, hvm; i686, simulated, hvm'],
  [{ img_hv_type: 'xen' }, { supported_instances: undefined }, 'the image needs xen, supported is nothing'],
  [{ img_hv_type: 'xen' }, { supported_instances: ['xen'] }, 'the image needs xen, supported is nothing'],
  [{ img_hv_requested_version: '>=9' }, xen, undefined],
  [{ img_hv_type: 'xen', img_hv_requested_version: '>=4.17, <5' }, xen, undefined],
  [{ img_hv_type: 'xen', hypervisor_version_requires: '>4.17.2' }, xen, 'the image needs hypervisor version >4.17.2, this is 4.17.2'],
  [{ img_hv_type: 'xen', img_hv_requested_version: 'new' }, xen, 'the image needs hypervisor version new, this is 4.17.2'],
  [{ hw_architecture: 'x86_64', hw_maxphysaddr_bits: '46' }, { cpu_info: { maxphysaddr: { bits: 46 } } }, undefined],
  [{ hw_architecture: 'x86_64', hw_maxphysaddr_bits: '48' }, {}, undefined],
  [{ hw_architecture: 'x86_64' }, { cpu_info: { maxphysaddr: { bits: 46 } } }, undefined],
  [
    { hw_architecture: 'x86_64', hw_maxphysaddr_bits: '48' },
    { cpu_info: { maxphysaddr: { bits: 46 } } },
    'the image needs 48 bits of physical addresses, these are 46',
  ],
])('image properties %j against capabilities %j', (properties, capabilities, reason) => {
  expect(imagePropertiesFilter.rejectionReason(hostClass(capabilities), spec({}, properties))).toBe(reason);
});

test.each([
  [4_017_002, '<4.17.2', false],
  [4_017_002, '<4.17.3', true],
  [4_017_002, '<=4.17.2', true],
  [4_017_002, '<=4.17.1', false],
  [4_017_002, '<=4.17', false],
  [4_017_002, '>4.17.2', false],
  [4_017_002, '>4.17.1', true],
  [4_017_002, '>4.17', true],
  [4_017_002, '>=4.17.2', true],
  [4_017_002, '>=4.17.3', false],
  [4_017_002, '==4.17.2', true],
  [4_017_002, '==4.17.1', false],
  [4_017_002, '!=4.17.1', true],
  [4_017_002, '!=4.17.2', false],
  [4_017_002, '>=5, <6', false],
  [4_017_002, '>=4, <4.17', false],
  [4_017_000, '==4.17', true],
  [4, '==4.0', true],
  [1_002_003, '==1.2.3', true],
  [4_017_002, '~4.17.2', false],
  [0, '>=9', true],
])('hypervisor version %i is in %j: %j', (hypervisor_version, img_hv_requested_version, expected) => {
  const image = { img_hv_type: 'xen', img_hv_requested_version };
  const reason = imagePropertiesFilter.rejectionReason(hostClass({ ...xen, hypervisor_version }), spec({}, image));
  expect(reason === undefined).toBe(expected);
});

test('a server without an image asks nothing of it', () => {
  expect(rejectHostClass(hostClass({ supported_instances: [] }), { ...spec(), image: null })).toBeUndefined();
});

test('traits are required and forbidden by the flavor and by the image', () => {
  const fast = hostClass({}, ['HW_CPU_X86_AVX2']);
  expect(traitsFilter.rejectionReason(fast, spec({ 'trait:HW_CPU_X86_AVX2': 'required' }))).toBeUndefined();
  expect(traitsFilter.rejectionReason(hostClass(), spec({ 'trait:HW_CPU_X86_AVX2': 'required' }))).toBe('HW_CPU_X86_AVX2 is required');
  expect(traitsFilter.rejectionReason(fast, spec({}, { 'trait:HW_CPU_X86_AVX2': 'forbidden' }))).toBe('HW_CPU_X86_AVX2 is forbidden');
  expect(traitsFilter.rejectionReason(hostClass(), spec({ 'trait:HW_CPU_X86_AVX2': 'forbidden' }))).toBeUndefined();
  expect(traitsFilter.rejectionReason(fast, spec({ 'trait1:HW_CPU_X86_AVX2': 'required' }))).toBeUndefined();
  expect(traitsFilter.rejectionReason(fast, spec({ 'trait_FAST:HW_CPU_X86_AVX2': 'forbidden' }))).toBe('HW_CPU_X86_AVX2 is forbidden');
  expect(traitsFilter.rejectionReason(hostClass(), spec({ 'trait1:HW_CPU_X86_AVX2': 'required' }))).toBe('HW_CPU_X86_AVX2 is required');
  expect(traitsFilter.rejectionReason(hostClass(), spec({ 'other:HW_CPU_X86_AVX2': 'required' }))).toBeUndefined();
});

test('a host class gets the first rejection only', () => {
  expect(rejectHostClass(hostClass(), spec({ hypervisor_type: 'QEMU' }, { img_hv_type: 'kvm' }))?.filter).toBe('ComputeCapabilitiesFilter');
  expect(rejectHostClass(hostClass(), spec())).toBeUndefined();
});

test('anti-affinity lets a host have as many members as the rule says', () => {
  const one = host('a', { members: 1 });
  expect(rejectForGroup(one, group('anti-affinity'))).toEqual({
    filter: 'ServerGroupAntiAffinityFilter',
    reason: '1 of at most 1 members of the group are there',
  });
  expect(rejectForGroup(one, group('anti-affinity', { mostPerHost: 2 }))).toBeUndefined();
  expect(rejectForGroup(host('b'), group('anti-affinity', { placed: 1 }))).toBeUndefined();
});

test('affinity keeps the group together once it has a member', () => {
  expect(rejectForGroup(host('a'), group('affinity'))).toBeUndefined();
  expect(rejectForGroup(host('a'), group('affinity', { placed: 1 }))?.filter).toBe('ServerGroupAffinityFilter');
  expect(rejectForGroup(host('b', { members: 1 }), group('affinity', { placed: 1 }))).toBeUndefined();
});

test('soft policies turn nobody away', () => {
  for (const policy of ['soft-affinity', 'soft-anti-affinity'] as const) {
    expect(rejectForGroup(host('a', { members: 3 }), group(policy, { placed: 4 }))).toBeUndefined();
    expect(rejectForGroup(host('b'), group(policy, { placed: 4 }))).toBeUndefined();
  }
});

test('no host has a resource of another class than those that every server takes some of', () => {
  const reason = (specs: Record<string, string>) => resourceClassFilter.rejectionReason(hostClass(), spec(specs));
  expect(reason({ 'resources:CUSTOM_GPU': '1' })).toBe('there is no CUSTOM_GPU');
  expect(reason({ 'resources1:VGPU': '2' })).toBe('there is no VGPU');
  expect(reason({ 'resources_ACCEL:FPGA': '1' })).toBe('there is no FPGA');
  expect(reason({ 'resources:CUSTOM_GPU': '0', 'resources:VCPU': '1', 'other:CUSTOM_GPU': '1' })).toBeUndefined();
  expect(reason({ 'resources:VCPU': '0' })).toBeUndefined();
  for (const none of ['1.5', '-1', 'many', '']) expect(reason({ 'resources:VGPU': none })).toBeUndefined();
});
