/** The image's architecture, hypervisor type and virtual machine mode must be one combination that the host supports; its version of the hypervisor, too. */
import type { HostClass } from '../../../database/api/scheduler/scheduling-state.ts';
import type { HostClassFilter } from './index.ts';

export const imagePropertiesFilter: HostClassFilter = {
  name: 'ImagePropertiesFilter',
  rejectionReason(hostClass, { image }) {
    const properties = image?.properties ?? {};
    const wanted = [
      architecture(properties.hw_architecture ?? properties.architecture),
      hypervisor(properties.img_hv_type ?? properties.hypervisor_type),
      mode(properties.hw_vm_mode ?? properties.vm_mode),
    ].filter((value) => value !== undefined);
    if (wanted.length === 0) return undefined;
    const supported = supportedInstances(hostClass);
    if (!supported.some((combination) => wanted.every((value) => combination.includes(value)))) {
      return `the image needs ${wanted.join(', ')}, supported is ${supported.map((each) => each.join(', ')).join('; ') || 'nothing'}`;
    }
    return versionReason(hostClass, properties) ?? addressReason(hostClass, properties);
  },
};

function supportedInstances({ capabilities: { supported_instances: listed } }: HostClass): string[][] {
  return Array.isArray(listed) ? listed.filter((each) => Array.isArray(each)).map((each) => each.map(String)) : [];
}

function versionReason({ capabilities }: HostClass, properties: Record<string, string>): string | undefined {
  const required = properties.img_hv_requested_version ?? properties.hypervisor_version_requires;
  const version = Number(capabilities.hypervisor_version);
  if (required === undefined || !version || satisfies(digits(version), required)) return undefined;
  return `the image needs hypervisor version ${required}, this is ${digits(version).join('.')}`;
}

function addressReason({ capabilities }: HostClass, { hw_maxphysaddr_bits: required }: Record<string, string>): string | undefined {
  const cpu = capabilities.cpu_info as { maxphysaddr?: { bits?: number } } | undefined;
  const bits = cpu?.maxphysaddr?.bits;
  if (required === undefined || !bits || bits >= Number(required)) return undefined;
  return `the image needs ${required} bits of physical addresses, these are ${bits}`;
}

/** A version as a number has three decimal digits for each part: 1002003 is 1.2.3. */
function digits(version: number): number[] {
  const parts: number[] = [];
  for (let rest = version; rest > 0; rest = Math.floor(rest / 1_000)) parts.unshift(rest % 1_000);
  return parts;
}

/** Returns whether a version is in a range such as `>=1.0, <2.0`; a range that cannot be read has nothing in it. */
function satisfies(version: readonly number[], range: string): boolean {
  return range.split(',').every((condition) => {
    const [, operator, text] = /^\s*(<=|>=|<|>|!=|==)\s*([\d.]+)\s*$/.exec(condition) ?? [];
    if (operator === undefined || text === undefined) return false;
    const order = compareVersions(version, text.split('.').map(Number));
    return { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0, '==': order === 0, '!=': order !== 0 }[operator];
  });
}

function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let part = 0; part < Math.max(a.length, b.length); part++) {
    const difference = (a[part] ?? 0) - (b[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

// Names that mean another, as Nova reads them.
const canonical = (names: Readonly<Record<string, string>>) => {
  const aliases = new Map(Object.entries(names));
  return (name: string | undefined) => {
    const lower = name?.toLowerCase();
    return lower === undefined ? undefined : (aliases.get(lower) ?? lower);
  };
};
const architecture = canonical({ i386: 'i686', i486: 'i686', i586: 'i686', x86_32: 'i686', x86_32p: 'i686', amd64: 'x86_64' });
const hypervisor = canonical({ xapi: 'xen' });
const mode = canonical({ pv: 'xen', hv: 'hvm', baremetal: 'hvm' });
