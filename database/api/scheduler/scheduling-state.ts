/**
 * What the scheduler reads: the servers of a request, their group, and the hosts worth a look, in one call. What can be said in SQL is said before the
 * limit, over indexes that hold only hosts that may be picked; so the time does not grow with the hosts that SQL rejects. All hosts are read only when none
 * is found, to say why.
 */
import { type Database, type Parameter, queryDocuments } from '../../data-api/client.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import type { Resources } from '../hosts/allocations.ts';
import type { GroupPolicy } from '../server-groups.ts';
import type { RequestSpec } from '../servers/request-spec.ts';
import { bootState, documents, moveState } from './scheduling-sql.ts';

/** What the hosts of a class can do. */
export interface HostClass {
  /** hypervisor_type, hypervisor_version, cpu_info, supported_instances, … */
  capabilities: Readonly<Record<string, unknown>>;
  /** All but that of a disabled service, which such a host does not show here. */
  traits: readonly string[];
}

/** A host that may hold a server. */
export interface HostState {
  /** Id of its resource provider. */
  provider: number;
  host: string;
  /** uuid of its cell. */
  cell: string;
  zone: string;
  /** Key of its host class. */
  hostClass: string;
  free: Resources;
  /** How many members of the request's server group are on it. */
  members: number;
  /** Builds that failed on it lately, in a row. */
  failedBuilds: number;
  /** Servers that came to it in the last minute, and so may still be starting; not those of the request's group, whose policy has its own say. */
  starting: number;
  /** Servers on it; 0 when nobody asked. */
  servers: number;
  /** Properties of images that its servers share with the request's image; 0 when nobody asked. */
  alikeProperties: number;
}

/** A server with the host that holds its claim. */
export interface PlacedServer {
  server: string;
  /** uuid of its cell. */
  cell: string;
  host: string;
  zone: string;
}

/** A server that waits for its cell and holds a claim, because an earlier run of the step made one. */
export interface ClaimedServer extends PlacedServer {
  provider: number;
  /** Its host may still be picked. */
  usable: boolean;
}

/** The server group of a request. */
export interface Group {
  id: number;
  name: string;
  policy: GroupPolicy;
  /** How many members a host may hold under anti-affinity. */
  mostPerHost: number;
  /** The claims for members that this reading knows of. */
  generation: number;
  /** How many members have a host. */
  placed: number;
}

/** Hosts that one step rejected. */
export interface RejectedHosts {
  step: string;
  /** The host class, where a class was rejected. */
  hostClass: string | null;
  hosts: number;
  /** Their names, when they are few. */
  names: string[] | null;
}

/** Why there is no host, over all hosts. */
export interface Reasons {
  hosts: number;
  rejected: RejectedHosts[];
  /** Hosts that Placement was asked about, and on how many of them each resource suffices. */
  asked: number;
  suffices: Resources;
  /** The host without the capacity that lacks least, each lack measured by the need. */
  nearest: { host: string; free: Resources } | null;
  /** Hosts with the capacity for one server, whatever their cell: what Nova calls allocation candidates. */
  candidates: number;
}

/** What the scheduler reads, in one call. */
export interface SchedulingState {
  /** Servers of the request that wait for a cell, with what they all ask for; null when none waits. */
  spec: RequestSpec | null;
  waiting: string[];
  claimed: ClaimedServer[];
  /** Servers that have their cell and host already. */
  placed: PlacedServer[];
  group: Group | null;
  /** Id of the image of a server that was sent through another boot, where that image is no more; a first boot has just seen it. */
  goneImage: string | null;
  /** False when the request names a host that does not exist. */
  hostExists: boolean;
  hosts: HostState[];
  /** By key; those of the hosts. */
  hostClasses: ReadonlyMap<string, HostClass>;
  /** Other hosts may have the capacity, too. */
  more: boolean;
  /** Given when the hosts cannot hold all servers, or when asked for. */
  reasons: Reasons | null;
}

/** What is wanted of a reading. */
export interface Reading {
  /** About how many hosts are worth a look; at least as many as there are servers. */
  limit: number;
  /** Kinds of hosts that are not. */
  rejectedHostClasses: readonly string[];
  /** Return the reasons why there is no host. */
  reasons: boolean;
  countServers: boolean;
  countAlikeProperties: boolean;
}

/**
 * Reads what an execution needs to schedule the servers of a request, which all ask for the same. Cells that one of them released as its target are left out, hosts
 * that failed builds lately come in addition to the page.
 * @throws DatabaseUnreachable
 */
export async function findSchedulingState(
  api: Database,
  execution: string,
  servers: readonly string[],
  reading: Reading,
): Promise<SchedulingState> {
  return readState(api, bootState, { servers, execution }, reading);
}

/** A server that looks for another host of its cell. */
export interface MovingServer extends FencedServer {
  /** uuid of its migration. */
  migration: string;
  /** What it asks for otherwise than at its boot. */
  changes: Pick<RequestSpec, 'flavor' | 'resources' | 'requested_host'>;
  /** Names of hosts that it may not have. */
  ignoredHosts: readonly string[];
}

/**
 * Reads what is needed to schedule a server that leaves its host. None waits when it is deleted, has another owner, or has claimed its new host already.
 * @throws DatabaseUnreachable
 */
export function findMoveState(api: Database, server: MovingServer, reading: Reading): Promise<SchedulingState> {
  const { uuid, fencing_token, migration, changes, ignoredHosts } = server;
  return readState(api, moveState, { server: uuid, fencing_token, migration, changes, ignored_hosts: ignoredHosts }, reading);
}

async function readState(
  api: Database,
  ctes: string,
  seeking: Readonly<Record<string, Parameter>>,
  reading: Reading,
): Promise<SchedulingState> {
  const { documents: found } = await queryDocuments<unknown>(
    api,
    documents,
    {
      ...seeking,
      limit: reading.limit,
      rejected: reading.rejectedHostClasses,
      reasons: reading.reasons,
      count_servers: reading.countServers,
      count_alike: reading.countAlikeProperties,
    },
    { ctes, order: 'position, key' },
  );
  const state = found.get('state') as Omit<SchedulingState, 'hosts' | 'hostClasses' | 'reasons'>;
  const hostClasses = new Map<string, HostClass>();
  for (const [key, doc] of found) if (key.startsWith('class ')) hostClasses.set(key.slice('class '.length), doc as HostClass);
  // An answer is bounded: a host whose class did not fit into it is left to a later read.
  const hosts = ((found.get('hosts') ?? []) as HostState[]).filter(({ hostClass }) => hostClasses.has(hostClass));
  return { ...state, hosts, hostClasses, reasons: (found.get('reasons') ?? null) as Reasons | null };
}
