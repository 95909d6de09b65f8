/**
 * Which of the hosts with room is best: Nova's ram, cpu and disk weighers. Each gives the host with most of its resource free 1, the one with least 0,
 * and their sum decides; so servers spread.
 */
import { type HostState, resourceClasses } from '../../database/api/placement.ts';

/** Gives the hosts, best first; hosts that weigh the same stay in their order. */
export function weigh(hosts: readonly HostState[]): HostState[] {
  const ranges = resourceClasses.map((resource) => {
    const free = hosts.map((host) => host.free[resource]);
    return { resource, least: Math.min(...free), most: Math.max(...free) };
  });
  const weight = (host: HostState) =>
    ranges.reduce((sum, { resource, least, most }) => sum + (most > least ? (host.free[resource] - least) / (most - least) : 0), 0);
  return hosts
    .map((host) => ({ host, weight: weight(host) }))
    .sort((a, b) => b.weight - a.weight)
    .map(({ host }) => host);
}
