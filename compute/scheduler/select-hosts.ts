/** Scheduling is a function of what was read: the same state leads to the same hosts, and nothing is claimed here. */

import { type Resources, resourceClasses } from '../../database/api/hosts/allocations.ts';
import type { Group, HostClass, HostState } from '../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import type { Configuration } from './configuration.ts';
import { rejectForGroup } from './filters/index.ts';
import { overriddenResources } from './requested-resources.ts';
import { weigh } from './weighers/index.ts';

/** Returns what a server uses of its host; swap counts as disk, as Placement has it, and what extra specs say of a class counts instead. */
export function resourcesOf({ flavor }: Pick<RequestSpec, 'flavor'>): Resources {
  return {
    VCPU: flavor.vcpus,
    MEMORY_MB: flavor.memory_mb,
    DISK_GB: flavor.root_gb + flavor.ephemeral_gb + Math.ceil(flavor.swap / 1024),
    ...overriddenResources(flavor.extra_specs),
  };
}

/** What the servers of a request need, and the hosts that passed the filters over host classes. */
export interface SchedulingContext {
  need: Resources;
  group: Group | null;
  hosts: readonly HostState[];
  hostClasses: ReadonlyMap<string, HostClass>;
}

/** What was selected for a server. */
export interface Selection {
  host: HostState;
  alternates: string[];
}

/** What came of a selection. */
export interface Selected {
  selections: Map<string, Selection>;
  /** The context after the servers that found a host; it explains why the next one finds none. */
  after: SchedulingContext;
}

/**
 * Picks a host for each server, all needing the same: the best, then the best of what that leaves; those that find none are left out.
 * @param breadth among how many of the best to pick. 1 is best when alone; boots that keep claiming the same hosts should spread.
 */
export function selectHosts(
  context: SchedulingContext,
  servers: readonly string[],
  { multipliers, maxAttempts }: Configuration,
  breadth: number,
): Selected {
  let after = context;
  const picked = new Map<string, HostState>();
  for (const server of servers) {
    const best = weigh(
      after.hosts.filter((host) => passes(host, after)),
      after,
      multipliers,
      ({ provider }) => hash(`${server} ${provider}`),
    );
    const host = best[hash(`${server} ${breadth}`) % Math.min(breadth, best.length)];
    if (!host) break;
    picked.set(server, host);
    after = consume(after, host);
  }
  const taken = new Set([...picked.values()].map(({ provider }) => provider));
  const selections = [...picked].map(([server, host]): [string, Selection] => [
    server,
    { host, alternates: alternatesTo(server, host, taken, after, { multipliers, maxAttempts }) },
  ]);
  return { selections: new Map(selections), after };
}

/**
 * Returns the names of hosts to try when this one fails to build, best first. They are of its cell, because a server never leaves the cell it was written
 * into, and of its zone, because the server shows its zone.
 * @param taken providers of the hosts that hold servers of the request.
 */
export function alternatesTo(
  server: string,
  { cell, zone }: Pick<HostState, 'cell' | 'zone'>,
  taken: ReadonlySet<number>,
  context: SchedulingContext,
  { multipliers, maxAttempts }: Pick<Configuration, 'multipliers' | 'maxAttempts'>,
): string[] {
  const others = context.hosts.filter(
    (host) => host.cell === cell && host.zone === zone && !taken.has(host.provider) && passes(host, context),
  );
  const best = weigh(others, context, multipliers, ({ provider }) => hash(`${server} ${provider}`));
  return best.slice(0, maxAttempts - 1).map(({ host }) => host);
}

/** Returns whether a host has the capacity for one more server. */
export function fits({ free }: HostState, need: Resources): boolean {
  return resourceClasses.every((resource) => free[resource] >= need[resource]);
}

function passes(host: HostState, { need, group }: SchedulingContext): boolean {
  return fits(host, need) && !rejectForGroup(host, group);
}

function consume(context: SchedulingContext, chosen: HostState): SchedulingContext {
  const { need, group, hosts } = context;
  const free = { ...chosen.free };
  for (const resource of resourceClasses) free[resource] -= need[resource];
  const { members, starting, servers } = chosen;
  const used = { ...chosen, free, members: group ? members + 1 : 0, starting: group ? starting : starting + 1, servers: servers + 1 };
  return {
    ...context,
    group: group && { ...group, placed: group.placed + 1 },
    hosts: hosts.map((host) => (host === chosen ? used : host)),
  };
}

/** A number that follows from the text and is spread well (FNV-1a). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ character.charCodeAt(0), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}
