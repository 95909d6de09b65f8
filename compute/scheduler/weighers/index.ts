/**
 * Which of the hosts that passed is best: every weigher returns a number for each, the numbers are brought to 0..1 over the hosts and multiplied, and the sum
 * decides. Nova's other weighers have nothing to weigh here: no PCI devices, no metrics, no move across cells.
 */
import type { Group, HostClass, HostState } from '../../../database/api/scheduler/scheduling-state.ts';
import type { Multipliers } from '../configuration.ts';
import { buildFailureWeigher } from './build-failure.ts';
import { cpuWeigher } from './cpu.ts';
import { diskWeigher } from './disk.ts';
import { hypervisorVersionWeigher } from './hypervisor-version.ts';
import { imagePropsWeigher } from './image-props.ts';
import { ioOpsWeigher } from './io-ops.ts';
import { numInstancesWeigher } from './num-instances.ts';
import { ramWeigher } from './ram.ts';
import { softAffinityWeigher } from './soft-affinity.ts';
import { softAntiAffinityWeigher } from './soft-anti-affinity.ts';

/** What a weigher may use beside the host. */
export interface WeigherContext {
  group: Group | null;
  hostClasses: ReadonlyMap<string, HostClass>;
}

/** One measure of how good a host is. */
export interface Weigher {
  name: keyof Multipliers;
  /** What counts as 0; without it, the least among the hosts does. */
  least?: number;
  weight(host: HostState, context: WeigherContext): number;
}

export const weighers: readonly Weigher[] = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  hypervisorVersionWeigher,
  numInstancesWeigher,
  ioOpsWeigher,
  imagePropsWeigher,
  softAffinityWeigher,
  softAntiAffinityWeigher,
  buildFailureWeigher,
];

/**
 * Returns the hosts, best first.
 * @param tie the order of hosts that weigh the same; servers that are placed at the same time should each have their own.
 */
export function weigh(
  hosts: readonly HostState[],
  context: WeigherContext,
  multipliers: Multipliers,
  tie: (host: HostState) => number,
): HostState[] {
  const sums = hosts.map(() => 0);
  for (const { name, least, weight } of weighers) {
    const multiplier = multipliers[name];
    if (multiplier === 0) continue;
    const weights = normalise(
      hosts.map((host) => weight(host, context)),
      least,
    );
    for (const [index, value] of weights.entries()) sums[index] = (sums[index] ?? 0) + multiplier * value;
  }
  return hosts
    .map((host, index) => ({ host, sum: sums[index] ?? 0, tie: tie(host) }))
    .sort((a, b) => b.sum - a.sum || a.tie - b.tie)
    .map(({ host }) => host);
}

/** Brings numbers to 0..1; when all are the same, they are 0. */
export function normalise(weights: readonly number[], least?: number): number[] {
  const bottom = least ?? weights.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const top = weights.reduce((a, b) => Math.max(a, b), bottom);
  if (top === bottom) return weights.map(() => 0);
  return weights.map((weight) => (Math.max(weight, bottom) - bottom) / (top - bottom));
}
