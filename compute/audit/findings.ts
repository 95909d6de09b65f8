/** What an audit can find in the databases of a cloud: the properties that must always hold, and the ways in which rows can break them. */

/** The properties of the design, by name. `Failure is local` has no rows to show: a database that cannot be read is reported beside the findings. */
export type Property =
  | 'Never lost'
  | 'One home'
  | 'Delete is final'
  | 'Nothing hangs'
  | 'Capacity is real'
  | 'Quota is exact'
  | 'A task ends'
  | 'Cell0 holds the unschedulable and nothing else'
  | 'Failure is local';

/** The kinds of findings: stable words for scripts, each with the property it breaks and what it means. */
export const kinds = {
  'orphan-mapping': { property: 'Never lost', meaning: 'the index has a server that has neither a cell nor a build request' },
  'build-request-without-mapping': { property: 'Never lost', meaning: 'a build request of a server that the index does not have' },
  'request-spec-without-mapping': { property: 'Never lost', meaning: 'a request spec of a server that the index does not have' },
  'mapping-without-row': { property: 'Never lost', meaning: 'the index points to a cell that has no such server' },
  'row-without-mapping': { property: 'Never lost', meaning: 'a cell has a server that the index does not have' },
  'orphan-build-request': { property: 'One home', meaning: 'a build request of a server that has its cell' },
  'row-in-wrong-cell': { property: 'One home', meaning: 'a server in a cell that the index does not point to' },
  'incomplete-server': { property: 'One home', meaning: 'a server in its cell without some of its rows' },
  'host-of-another-cell': { property: 'One home', meaning: 'a server on a host that belongs to another cell' },
  'build-request-of-deleted': { property: 'Delete is final', meaning: 'a build request of a deleted server' },
  'row-of-deleted': { property: 'Delete is final', meaning: 'a cell still has a server that is marked deleted in the index' },
  'stale-group-member': { property: 'Delete is final', meaning: 'a server group has a member that is not a living server' },
  stuck: { property: 'Nothing hangs', meaning: 'a server that is neither built nor in ERROR for too long' },
  'cell0-missing': { property: 'Nothing hangs', meaning: 'no cell0 is registered: what cannot be scheduled stays in BUILD' },
  'allocation-without-server': { property: 'Capacity is real', meaning: 'an allocation of a server that the index does not have' },
  'allocation-of-deleted': { property: 'Capacity is real', meaning: 'an allocation of a deleted server' },
  'allocation-without-host': { property: 'Capacity is real', meaning: 'an allocation of a server without a host' },
  'host-without-allocation': { property: 'Capacity is real', meaning: 'a server on a host where it has no allocation' },
  'allocation-on-wrong-host': { property: 'Capacity is real', meaning: 'an allocation on another host than the server is on' },
  'move-not-settled': { property: 'Capacity is real', meaning: 'a move that is over, whose allocation on the other host is left' },
  'move-without-allocation': { property: 'Capacity is real', meaning: 'a server on two hosts with an allocation on one' },
  'inventory-drift': { property: 'Capacity is real', meaning: 'what a host counts as used is not the sum of the allocations on it' },
  'host-state-drift': {
    property: 'Capacity is real',
    meaning: 'the row of a host for the scheduler is not what placement and the cells say',
  },
  overbooked: { property: 'Capacity is real', meaning: 'more is allocated on a host than it has' },
  'quota-drift': { property: 'Quota is exact', meaning: 'what a project counts as used is not what its servers add up to' },
  'mapping-without-request-spec': { property: 'Quota is exact', meaning: 'a server without a request spec: its quota is never released' },
  'deleted-but-not-released': { property: 'Quota is exact', meaning: 'a server deleted in its cell that still counts in the index' },
  'quota-of-soft-deleted': {
    property: 'Quota is exact',
    meaning: 'a soft-deleted server that holds quota, or another one that holds none',
  },
  'soft-deleted-without-note': { property: 'Nothing hangs', meaning: 'a soft-deleted server that no reaper will delete for good' },
  'task-without-note': { property: 'A task ends', meaning: 'a server in a task that no reaper will look after' },
  'state-without-task': { property: 'A task ends', meaning: 'a server with a task state, but without a task' },
  'image-not-noted': { property: 'A task ends', meaning: 'a server whose image the scheduler does not know, since it was rebuilt' },
  'task-overdue': { property: 'A task ends', meaning: 'a task that has not ended long after it should have' },
  'image-without-task': { property: 'A task ends', meaning: 'an image that is queued, and that no task of its server makes any more' },
  'cell0-with-host': { property: 'Cell0 holds the unschedulable and nothing else', meaning: 'a server in cell0 that is on a host' },
  'cell0-with-allocation': { property: 'Cell0 holds the unschedulable and nothing else', meaning: 'a server in cell0 with an allocation' },
  'cell0-without-fault': { property: 'Cell0 holds the unschedulable and nothing else', meaning: 'a server in cell0 without a reason' },
  'cell0-not-in-error': { property: 'Cell0 holds the unschedulable and nothing else', meaning: 'a server in cell0 that is not in ERROR' },
} as const satisfies Record<string, { property: Property; meaning: string }>;

/** A stable word for what is wrong. */
export type Kind = keyof typeof kinds;

/** Something broken, and the rows concerned. */
export interface Finding {
  property: Property;
  kind: Kind;
  /** What it concerns: ids of servers and projects, names of cells, hosts and resources. */
  ids: Readonly<Record<string, string>>;
  sentence: string;
}

/** Makes a finding; its property follows from its kind. */
export function finding(kind: Kind, ids: Finding['ids'], sentence: string): Finding {
  return { property: kinds[kind].property, kind, ids, sentence };
}
