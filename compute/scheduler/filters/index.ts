/**
 * Nova's default filters, in its order. ComputeFilter is not here: it, the availability zone, the cell and the capacity are in the SQL that reads the hosts
 * (database/api/scheduler/scheduling-sql.ts). A filter returns in words why it rejects a host.
 */

import type { Group, HostClass, HostState } from '../../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../../database/api/servers/request-spec.ts';
import { computeCapabilitiesFilter } from './compute-capabilities-filter.ts';
import { imagePropertiesFilter } from './image-properties-filter.ts';
import { resourceClassFilter } from './resource-class-filter.ts';
import { serverGroupAffinityFilter } from './server-group-affinity-filter.ts';
import { serverGroupAntiAffinityFilter } from './server-group-anti-affinity-filter.ts';
import { traitsFilter } from './traits-filter.ts';

/** A filter that depends on what a host can do, and on nothing else: it rejects all hosts of a class or none. */
export interface HostClassFilter {
  name: string;
  /** Returns why hosts of the class are rejected; undefined when they pass. */
  rejectionReason(hostClass: HostClass, spec: RequestSpec): string | undefined;
}

/** A filter that depends on where the members of the server group are; it is run again for each server of a request. */
export interface GroupFilter {
  name: string;
  /** Returns why the host is rejected; undefined when it passes. */
  rejectionReason(host: HostState, group: Group): string | undefined;
}

export const hostClassFilters: readonly HostClassFilter[] = [
  resourceClassFilter,
  traitsFilter,
  computeCapabilitiesFilter,
  imagePropertiesFilter,
];
export const groupFilters: readonly GroupFilter[] = [serverGroupAntiAffinityFilter, serverGroupAffinityFilter];

/** A filter that rejects, and its reason. */
export interface Rejection {
  filter: string;
  reason: string;
}

/** Returns the first rejection of a host class. */
export function rejectHostClass(hostClass: HostClass, spec: RequestSpec): Rejection | undefined {
  for (const filter of hostClassFilters) {
    const reason = filter.rejectionReason(hostClass, spec);
    if (reason !== undefined) return { filter: filter.name, reason };
  }
  return undefined;
}

/** Returns the first rejection of a host for one more member of the group. */
export function rejectForGroup(host: HostState, group: Group | null): Rejection | undefined {
  if (!group) return undefined;
  for (const filter of groupFilters) {
    const reason = filter.rejectionReason(host, group);
    if (reason !== undefined) return { filter: filter.name, reason };
  }
  return undefined;
}
