/**
 * Nova's default filters, in its order. ComputeFilter is not here: it, the availability zone, the cell and the room are said in SQL before a host gets this
 * far (database/api/scheduler/scheduling-sql.ts). A filter answers in words why it turns a host away.
 */

import type { Group, HostKind, HostState } from '../../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../../database/api/servers/build-requests.ts';
import { computeCapabilitiesFilter } from './compute-capabilities-filter.ts';
import { imagePropertiesFilter } from './image-properties-filter.ts';
import { serverGroupAffinityFilter } from './server-group-affinity-filter.ts';
import { serverGroupAntiAffinityFilter } from './server-group-anti-affinity-filter.ts';
import { traitsFilter } from './traits-filter.ts';

/** A filter that looks at what a host can do, and at nothing else: what it says of one host it says of all of the kind. */
export interface KindFilter {
  name: string;
  /** Why hosts of the kind are turned away; undefined when they pass. */
  objection(kind: HostKind, spec: RequestSpec): string | undefined;
}

/** A filter that looks at where the members of the server group are; it is asked again for each server of a request. */
export interface GroupFilter {
  name: string;
  /** Why the host is turned away; undefined when it passes. */
  objection(host: HostState, group: Group): string | undefined;
}

export const kindFilters: readonly KindFilter[] = [traitsFilter, computeCapabilitiesFilter, imagePropertiesFilter];
export const groupFilters: readonly GroupFilter[] = [serverGroupAntiAffinityFilter, serverGroupAffinityFilter];

/** A filter with its reason. */
export interface Objection {
  filter: string;
  why: string;
}

/** Gives the first objection to a kind of hosts. */
export function objectionToKind(kind: HostKind, spec: RequestSpec): Objection | undefined {
  for (const filter of kindFilters) {
    const why = filter.objection(kind, spec);
    if (why !== undefined) return { filter: filter.name, why };
  }
  return undefined;
}

/** Gives the first objection to a host for one more member of the group. */
export function objectionOfGroup(host: HostState, group: Group | null): Objection | undefined {
  if (!group) return undefined;
  for (const filter of groupFilters) {
    const why = filter.objection(host, group);
    if (why !== undefined) return { filter: filter.name, why };
  }
  return undefined;
}
