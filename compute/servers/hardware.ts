/**
 * What a flavor's extra specs, and an image's properties beside them, ask of a host's hardware. What means nothing, or contradicts itself, is refused
 * before the boot is accepted, in the words of Nova's nova/virt/hardware.py (numa_get_constraints and what is asked before it).
 */
import { readBoolean } from '../../common/boolean-words.ts';
import { BadRequest } from '../../common/errors.ts';

type Properties = Readonly<Record<string, string>>;

/** What of a flavor decides; memory in MiB. */
interface Flavor {
  vcpus: number;
  memory_mb: number;
  extra_specs: Properties;
}

export const cpuPolicies = ['dedicated', 'shared', 'mixed'];
export const threadPolicies = ['prefer', 'isolate', 'require'];
const emulatorPolicies = ['share', 'isolate'];

/** Returns the integer that Python reads, NaN for none. */
export function pythonInteger(value: string): number {
  return /^\s*[+-]?\d+(_\d+)*\s*$/.test(value) ? Number(value.replaceAll('_', '')) : Number.NaN;
}

/** Returns Python's sentence for what is no integer. */
export const noInteger = (value: string) => `invalid literal for int() with base 10: '${value}'`;

function refuse(message: string): never {
  throw new BadRequest(message);
}

function overridden(property: string, what: string): never {
  refuse(`Image property '${property}' is not permitted to override ${what} set against the flavor`);
}

function integerOf(value: string): number {
  const number = pythonInteger(value);
  return Number.isNaN(number) ? refuse(`Invalid flavor extra spec. Error: ${noInteger(value)}`) : number;
}

/** Higher numbers of CPUs count as this one, so that no range is too long to be written out. */
const highestCpu = 4096;

/**
 * Returns the numbers of a list of CPUs such as `0-3,^1,6`.
 * @throws BadRequest when it is none.
 */
export function parseCpus(list: string): Set<number> {
  const included = new Set<number>();
  const excluded = new Set<number>();
  for (const rule of list.split(',').map((part) => part.trim())) {
    if (rule === '') continue;
    const out = rule.startsWith('^');
    const [first = '', ...rest] = rule.slice(out ? 1 : 0).split('-');
    const start = pythonInteger(first);
    const end = rest.length > 0 ? pythonInteger(rest.join('-')) : start;
    if (!(start <= end)) {
      const single = out ? 'exclusion' : 'inclusion';
      refuse(`Invalid ${rest.length > 0 ? 'range' : single} expression '${rule}'`);
    }
    for (let cpu = Math.min(start, highestCpu); cpu <= Math.min(end, highestCpu); cpu++) (out ? excluded : included).add(cpu);
  }
  return new Set([...included].filter((cpu) => !excluded.has(cpu)));
}

/** Returns the CPUs of a mask, which may name those that are left out alone. */
function parseMask(mask: string, vcpus: number): Set<number> {
  return parseCpus(mask.trim().startsWith('^') ? `0-${vcpus - 1},${mask}` : mask);
}

/** @throws BadRequest for the first extra spec whose value alone cannot be, whatever the flavor and the image are. */
export function checkSpecs(specs: Properties): void {
  checkPolicies(specs);
  nodeCount(specs['hw:numa_nodes'], undefined);
  checkPageSize(specs['hw:mem_page_size'], undefined);
}

function checkPolicies(specs: Properties): void {
  known('CPU policy', specs['hw:cpu_policy'], cpuPolicies, " from 'flavor extra specs'");
  known('CPU thread policy', specs['hw:cpu_thread_policy'], threadPolicies, " from 'flavor extra specs'");
  known('CPU emulator threads option', specs['hw:emulator_threads_policy'], emulatorPolicies);
}

/**
 * Returns the NUMA topology that a server gets, in a form that can be compared; null for none.
 * @throws BadRequest for what a flavor asks of a host that means nothing, or that an image may not ask beside it.
 */
export function checkHardware(flavor: Flavor, image: Properties): object | null {
  const specs = flavor.extra_specs;
  checkSerialPorts(specs['hw:serial_port_count'], image.hw_serial_port_count);
  const realtime = realtimeCpus(flavor, image);
  checkTopology(specs, image);
  checkPolicies(specs);
  const policy = cpuPolicy(flavor, image, realtime);
  const nodes = nodeCount(specs['hw:numa_nodes'], image.hw_numa_nodes);
  const pages = checkPageSize(specs['hw:mem_page_size'], image.hw_mem_page_size);
  const memories = specs['hw:pmem']?.split(',').some((label) => label.trim());
  if (!(nodes || pages || memories || policy === 'dedicated' || policy === 'mixed')) return null;
  return {
    ...{ policy, threads: specs['hw:cpu_thread_policy'] || image.hw_cpu_thread_policy, realtime: realtime && [...realtime] },
    ...{ pages: image.hw_mem_page_size ?? specs['hw:mem_page_size'], ...checkNodes(flavor, image, nodes ?? 1) },
  };
}

function known(what: string, value: string | undefined, list: readonly string[], source = ''): void {
  if (!value || list.includes(value)) return;
  refuse(`${what} requested${source} is invalid, given: '${value}', available: '(${list.map((word) => `'${word}'`).join(', ')})'.`);
}

/** An image may lower how many its flavor offers; 0 is no limit. */
function checkSerialPorts(flavor: string | undefined, image: string | undefined): void {
  const ports = pythonInteger(flavor || '0');
  if (Number.isNaN(ports)) refuse(`Number of serial ports specified in flavor is invalid: expected an integer, got '${flavor}'`);
  if (ports && pythonInteger(image ?? '0') > ports) {
    refuse('Forbidden to exceed flavor value of number of serial ports passed in image meta.');
  }
}

/** The image's mask goes before the flavor's. */
function realtimeCpus({ vcpus, extra_specs: specs }: Flavor, image: Properties): Set<number> | undefined {
  if (!readBoolean(specs['hw:cpu_realtime'] ?? '')) return undefined;
  const cpus = parseMask(image.hw_cpu_realtime_mask || specs['hw:cpu_realtime_mask'] || `0-${vcpus - 1}`, vcpus);
  const within = [...cpus].every((cpu) => cpu < vcpus);
  if (cpus.size === 0 || (within && cpus.size === vcpus && !specs['hw:emulator_threads_policy'])) {
    refuse('Use of realtime CPUs requires either one or more non-realtime CPU(s) or offloaded emulator threads.');
  }
  if (!within) {
    refuse(
      'Realtime policy vCPU(s) mask is configured with RT vCPUs that are not a subset of the vCPUs in the flavor. See hw:cpu_realtime_mask or hw_cpu_realtime_mask',
    );
  }
  return cpus;
}

const parts = ['sockets', 'cores', 'threads'];

/** An image may lower the limits of its flavor, and ask for no more than both of them allow; 0 is no limit. */
function checkTopology(specs: Properties, image: Properties): void {
  const counts = (of: Properties, prefix: string) => parts.map((part) => integerOf(of[prefix + part] ?? '0'));
  const checkLimits = (what: string, some: readonly number[], whose: string, limits: readonly number[]) => {
    if (!some.some((count, at) => limits[at] && count > limits[at])) return;
    const [given, allowed] = [some, limits].map((list) => parts.map((part, at) => `${part}=${list[at]}`).join(', '));
    refuse(`Image vCPU topology${what} (${given}) exceeds the limits of the flavor${whose} (${allowed})`);
  };
  const flavorMost = counts(specs, 'hw:cpu_max_');
  const imageMost = counts(image, 'hw_cpu_max_');
  checkLimits(' limits', imageMost, '', flavorMost);
  counts(specs, 'hw:cpu_');
  const most = imageMost.map((count, at) => count || flavorMost[at] || 65_536);
  checkLimits('', counts(image, 'hw_cpu_'), ' or image', most);
}

/** Returns the CPU policy that the server gets. */
function cpuPolicy(flavor: Flavor, image: Properties, realtime: Set<number> | undefined): string | undefined {
  const { vcpus, extra_specs: specs } = flavor;
  const own = specs['hw:cpu_policy'];
  const asked = image.hw_cpu_policy;
  if (own && own !== 'dedicated' && (asked === 'dedicated' || (asked === 'mixed' && own === 'shared'))) {
    overridden('hw_cpu_policy', 'CPU pinning policy');
  }
  const ownThreads = specs['hw:cpu_thread_policy'];
  const askedThreads = image.hw_cpu_thread_policy;
  if (ownThreads && ownThreads !== 'prefer' && askedThreads && askedThreads !== ownThreads) {
    overridden('hw_cpu_thread_policy', 'CPU thread pinning policy');
  }
  const mask = specs['hw:cpu_dedicated_mask'];
  if (mask) checkDedicated(parseMask(mask, vcpus), vcpus);
  const policy = own || asked;
  if (policy === 'mixed') {
    if (!mask === !realtime) {
      refuse(
        "Dedicated CPU set can be specified from either 'hw:cpu_dedicated_mask' or 'hw:cpu_realtime_mask' when using 'mixed' CPU policy. 'hw:cpu_dedicated_mask' and 'hw:cpu_realtime_mask' can not be specified at the same time, or be specified with none of them.",
      );
    }
    return policy;
  }
  if (policy !== 'dedicated') {
    if (ownThreads || askedThreads) refuse('Cannot set cpu thread pinning policy in a non dedicated cpu pinning policy');
    if (specs['hw:emulator_threads_policy'] === 'isolate') {
      refuse('An isolated CPU emulator threads option requires a dedicated CPU policy option.');
    }
  }
  if (mask) refuse("Cannot specify 'hw:cpu_dedicated_mask' without the 'mixed' policy.");
  if (realtime && policy !== 'dedicated') refuse('Cannot set realtime policy in a non dedicated cpu pinning policy');
  return policy;
}

function checkDedicated(cpus: Set<number>, vcpus: number): void {
  const own = [...cpus].filter((cpu) => cpu < vcpus).length;
  if (cpus.size === 0 || own === vcpus) {
    refuse("Mixed instance must have at least 1 pinned vCPU and 1 unpinned vCPU. See 'hw:cpu_dedicated_mask'.");
  }
  if (own < cpus.size) {
    refuse('Mixed instance dedicated vCPU(s) mask is not a subset of vCPUs in the flavor. See "hw:cpu_dedicated_mask"');
  }
}

function nodeCount(flavor: string | undefined, image: string | undefined): number | undefined {
  const asked = image === undefined ? undefined : pythonInteger(image);
  if (flavor && asked) overridden('hw_numa_nodes', 'NUMA configuration');
  const nodes = flavor || asked;
  if (nodes === undefined) return undefined;
  if (!/^[1-9]\d*$/.test(String(nodes))) refuse(`The property 'numa_nodes' cannot be '${nodes}'. It must be a number greater than 0`);
  return Number(nodes);
}

/** Sizes without a unit are KiB. */
const pageSize = /^(any|large|small|\d+|[-+]?\d*\.?\d+([KMGTPEZYRQ]i?)?(b|bit|B))$/;

/** Returns whether pages of a size are asked for; 0 asks for none. */
function checkPageSize(flavor: string | undefined, image: string | undefined): boolean {
  const forbidden = (against: string) => refuse(`Page size ${image} forbidden against '${against}'`);
  if (!flavor) return image ? forbidden('<empty>') : false;
  const open = ['any', 'large'].includes(flavor);
  const sizes = image && open ? [flavor, image] : [flavor];
  for (const size of sizes) if (!pageSize.test(size)) refuse(`Invalid memory page size '${size}'`);
  if (image && !open) forbidden(flavor);
  return !/^[-+]?[0.]+\D*$/.test(sizes.at(-1) ?? '');
}

/** At most as many nodes are looked at as in Nova. */
const mostNodes = 128;

/**
 * Returns what is read of `<name>.0`, `<name>.1` and so on, up to the first that is missing; undefined when there are none.
 * @throws BadRequest when one cannot be read.
 */
export function perNode<Value>(of: Properties, name: string, read: (value: string) => Value): Value[] | undefined {
  const values: Value[] = [];
  for (let node = 0; node < mostNodes; node++) {
    const value = of[`${name}.${node}`];
    if (value === undefined) break;
    values.push(read(value));
  }
  return values.length > 0 ? values : undefined;
}

/** Returns the nodes. CPUs and memory are shared out evenly, or as the lists of the nodes say. */
function checkNodes({ vcpus, memory_mb: memory, extra_specs: specs }: Flavor, image: Properties, nodes: number): object {
  const lists = <Value>(name: string, read: (value: string) => Value) => {
    const [own, asked] = [perNode(specs, `hw:${name}`, read), perNode(image, `hw_${name}`, read)];
    return own && asked ? overridden(`hw_${name}`, 'NUMA configuration') : (own ?? asked);
  };
  const cpus = lists('numa_cpus', parseCpus);
  const sizes = lists('numa_mem', integerOf);
  if (!cpus && !sizes) {
    if (vcpus % nodes === 0 && memory % nodes === 0) return { nodes };
    refuse(
      'Instance CPUs and/or memory cannot be evenly distributed across instance NUMA nodes. Explicit assignment of CPUs and memory to nodes is required',
    );
  }
  if (cpus?.length !== nodes || sizes?.length !== nodes) refuse('CPU and memory allocation must be provided for all NUMA nodes');
  const taken = new Set<number>();
  for (const cpu of cpus.flatMap((list) => [...list])) {
    if (cpu >= vcpus) refuse(`CPU number ${cpu} is larger than max ${vcpus - 1}`);
    if (taken.has(cpu)) refuse(`CPU number ${cpu} is assigned to two nodes`);
    taken.add(cpu);
  }
  if (taken.size < vcpus) {
    const free = [...Array(Math.min(vcpus, highestCpu)).keys()].filter((cpu) => !taken.has(cpu));
    refuse(`CPU number {${free.join(', ')}} is not assigned to any node`);
  }
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== memory) refuse(`${total} MB of memory assigned, but expected ${memory} MB`);
  return { nodes, cpus: cpus.map((list) => [...list]), sizes };
}
