/** Scheduling is a function of what was read: the same state gives the same hosts, and nothing is claimed here. */

import type { RequestSpec } from '../../database/api/build-requests.ts';
import { type HostState, type Resources, resourceClasses, type SchedulingState } from '../../database/api/placement.ts';
import { weigh } from './weighers.ts';

/** Gives what a server takes on its host; swap counts as disk, as Placement has it. */
export function resourcesOf({ flavor }: RequestSpec): Resources {
  return {
    VCPU: flavor.vcpus,
    MEMORY_MB: flavor.memory_mb,
    DISK_GB: flavor.root_gb + flavor.ephemeral_gb + Math.ceil(flavor.swap / 1024),
  };
}

/** What was selected for a server. */
export interface Selection {
  host: HostState;
  /** Names of hosts in the same cell that were not selected for any server of the request, best first. */
  alternates: string[];
}

/** Nova's `max_attempts` of 3 less the selected host. */
const mostAlternates = 2;

/**
 * Picks a host for each server, all needing the same: the best, then the best of what that leaves.
 * @returns selections by server, or undefined when not all find one.
 */
export function selectHosts(state: SchedulingState, servers: readonly string[], need: Resources): Map<string, Selection> | undefined {
  let hosts = state.hosts;
  const selected = new Map<string, HostState>();
  for (const server of servers) {
    const [best] = weigh(hosts);
    if (!best) return undefined;
    selected.set(server, best);
    hosts = hosts.map((host) => (host === best ? consume(host, need) : host)).filter((host) => fits(host, need));
  }
  const taken = new Set([...selected.values()].map(({ provider }) => provider));
  const others = weigh(hosts.filter(({ provider }) => !taken.has(provider)));
  return new Map(
    [...selected].map(([server, host]) => {
      const alternates = others.filter(({ cell }) => cell === host.cell).slice(0, mostAlternates);
      return [server, { host, alternates: alternates.map((alternate) => alternate.host) }];
    }),
  );
}

function consume(host: HostState, need: Resources): HostState {
  const free = { ...host.free };
  for (const resource of resourceClasses) free[resource] -= need[resource];
  return { ...host, free };
}

function fits(host: HostState, need: Resources): boolean {
  return resourceClasses.every((resource) => host.free[resource] >= need[resource]);
}
