/**
 * Releases of allocations and of quota. Each is released exactly once, however often it is asked for, because
 * what is given back follows from rows that the same statement turned or deleted.
 */
import { type Database, query } from '../../data-api/client.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import { leaveGroups } from '../server-groups.ts';
import { removeSnapshotsOf } from '../snapshots.ts';

/** Marks servers deleted that their cell has deleted, and releases their quota and their allocations; then nothing is left to do for them there. */
export async function releaseServers(api: Database, servers: readonly string[]): Promise<void> {
  await query(
    api,
    `with ${releaseQuota(asked)},
     -- The images that their tasks were to make.
     images_gone as (${removeSnapshotsOf(asked)}),
     -- Nothing is left to do for them in the cell they are mapped to; what another cell may hold stays noted.
     done as (
       delete from pending_cleanups p using instance_mappings m
       where m.instance_uuid = p.instance_uuid and m.cell_id = p.cell_id and p.instance_uuid in (${asked}))
     select count(*) from ended`,
    { servers },
  );
}

/**
 * Marks servers deleted that their cell has deleted, and releases their quota. Their allocations stay, because a host has yet to end what it runs; the reaper
 * looks again when that is due. Where all was released meanwhile nothing happens.
 */
export async function endServers(api: Database, servers: readonly { uuid: string; due_at: string }[]): Promise<void> {
  await query(
    api,
    `with
     -- The servers, with the time that each host has.
     ending as (select uuid, due_at from jsonb_to_recordset(:servers::jsonb) as list (uuid uuid, due_at timestamptz)),
     ${releaseQuota('select uuid as instance_uuid from ending', 'keep')},
     -- The images that their tasks were to make.
     images_gone as (${removeSnapshotsOf('select uuid from ending')}),
     -- When there is something to do for them.
     noted as (
       update pending_cleanups p set created_at = now(), due_at = ending.due_at
       from ending join instance_mappings m on m.instance_uuid = ending.uuid
       where p.instance_uuid = ending.uuid and p.cell_id = m.cell_id)
     select count(*) from ended`,
    { servers },
  );
}

/**
 * Releases what a deleted server that was moving has on one of its hosts.
 * @returns whether it has nothing any more.
 */
export async function releaseOnHost(api: Database, server: string, host: string): Promise<boolean> {
  const [row] = await query<{ none: boolean }>(
    api,
    `with
     -- All that it has,
     allocated as (
       select a.id, a.resource_provider_id, a.resource_class, p.name from allocations a join resource_providers p on p.id = a.resource_provider_id
       where consumer_id = :server::uuid or consumer_id in (select migration_uuid from migration_consumers where instance_uuid = :server::uuid)),
     -- and what it has here.
     here as (select * from allocated where name = :host),
     -- Their inventories, under lock in the order of their ids.
     held as (select i.id from inventories i join here using (resource_provider_id, resource_class) order by i.id for update of i),
     ${freeAllocations('select id from here')}
     select not exists (select from allocated where name <> :host) as none`,
    { server, host },
  );
  return row?.none ?? true;
}

/**
 * Releases the allocations of servers that failed in their cell and live on without a host, and nothing else. A server that another owner than the one
 * named by its token has taken over since is left alone.
 */
export async function releaseAllocationsOfFailed(api: Database, servers: readonly FencedServer[]): Promise<void> {
  const owned = `
    select m.instance_uuid from instance_mappings m
    join jsonb_to_recordset(:servers::jsonb) as failed (uuid uuid, fencing_token int)
      on failed.uuid = m.instance_uuid and failed.fencing_token = m.fencing_token`;
  await query(api, `with ${releaseAllocations(owned)} select count(*) from freed`, { servers });
}

/** An allocation on a host that may not be picked any more. */
export interface UnusableAllocation {
  server: string;
  /** Id of the resource provider. */
  provider: number;
}

/** Releases allocations of servers that wait for their cell, where the execution still owns the server and the allocation is still on that host. */
export async function releaseUnusableAllocations(
  api: Database,
  execution: string,
  allocations: readonly UnusableAllocation[],
): Promise<void> {
  const unusable = `
    select a.consumer_id from owned join allocations a on a.consumer_id = owned.server and a.resource_provider_id = owned.provider`;
  await query(
    api,
    `with
     -- Those that the execution still owns.
     owned as (
       select server, provider from build_requests b
       join jsonb_to_recordset(:allocations::jsonb) as unusable (server uuid, provider int) on unusable.server = b.instance_uuid
       where b.execution = :execution order by b.id for update of b),
     ${releaseAllocations(unusable)}
     select count(*) from freed`,
    { execution, allocations },
  );
}

/**
 * Releases the allocations of servers that were deleted while they were scheduled. What a host may still run of a server is noted, and keeps its allocations.
 * `servers` narrows to these; null means any that was deleted within a day, for nothing is claimed for a server that is gone for longer.
 */
export async function releaseAllocationsOfDeleted(api: Database, servers: readonly string[] | null): Promise<number> {
  const which = servers === null ? `m.updated_at > now() - interval '1 day'` : `m.instance_uuid in (${asked})`;
  const deleted = `
    select m.instance_uuid from instance_mappings m
    where m.queued_for_delete and ${which}
      and (exists (select from allocations where consumer_id = m.instance_uuid)
        or exists (select from migration_consumers c where c.instance_uuid = m.instance_uuid))
      and not exists (select from pending_cleanups p where p.instance_uuid = m.instance_uuid and p.cell_id = m.cell_id)`;
  const [row] = await query<{ count: number }>(api, `with ${releaseAllocations(deleted)} select count(*) as count from freed`, {
    servers: servers ?? [],
  });
  return row?.count ?? 0;
}

const asked = 'select jsonb_array_elements_text(:servers::jsonb)::uuid as instance_uuid';

/**
 * CTEs that end the servers of a selection. The turn of `queued_for_delete` lets quota be given back exactly once.
 * @param allocations what becomes of what they have on hosts.
 */
export function releaseQuota(servers: string, allocations: 'keep' | 'release' = 'release'): string {
  return `
    -- Their end in the index. Only the statement that turns this releases anything.
    ended as (
      update instance_mappings m set queued_for_delete = true, updated_at = now()
      from (${servers}) s where m.instance_uuid = s.instance_uuid and not m.queued_for_delete
      returning m.*, quota_of_moves(m.instance_uuid) as moves),
    -- The quota that they held.
    returned as (
      update quota_usages q
      set instances = q.instances - sums.instances, cores = q.cores - sums.cores, ram = q.ram - sums.ram, updated_at = now()
      from (${quotaOf('ended', 'm.moves')}) sums
      where q.project_id = sums.project_id),
    ${allocations === 'release' ? `${releaseAllocations(servers)}, ${leaveGroups('ended', 'held')}` : leaveGroups('ended', 'ended')}`;
}

/**
 * Returns SQL that sums what mappings hold of the quota of their projects. One of a release before this one that does not say holds what its request spec asks for.
 * @param moves SQL of what the moves of one hold in addition: an array of cores and ram.
 */
export function quotaOf(mappings: string, moves: string): string {
  return `
    select m.project_id, sum(m.instances)::int as instances,
      sum(coalesce(m.cores, (spec->'flavor'->>'vcpus')::int, 0) + moves.held[1])::bigint as cores,
      sum(coalesce(m.ram, (spec->'flavor'->>'memory_mb')::int, 0) + moves.held[2])::bigint as ram,
      bool_and(m.cores is not null or s.id is not null) as known
    from ${mappings} m cross join lateral (select ${moves} as held) moves left join request_specs s on s.instance_uuid = m.instance_uuid and m.cores is null
    group by m.project_id`;
}

/**
 * CTEs that release the allocations of servers. Inventories are locked in the order of their ids first, as a claim does, so that the two never deadlock; what is
 * freed follows from the rows that this statement deleted, so a second caller frees nothing.
 */
export function releaseAllocations(servers: string): string {
  return `
    -- They and their moves, which are over.
    moves_over as (delete from migration_consumers where instance_uuid in (${servers}) returning migration_uuid),
    -- All of whom allocations are.
    consumers (uuid) as (${servers} union all select migration_uuid from moves_over),
    -- The inventories of their hosts, under lock in the order of their ids.
    held as (
      select i.id from inventories i
      where (i.resource_provider_id, i.resource_class) in (
        select resource_provider_id, resource_class from allocations where consumer_id in (select uuid from consumers))
      order by i.id for update),
    ${freeAllocations('select id from allocations where consumer_id in (select uuid from consumers)')}`;
}

/** CTEs that free allocations, by SQL of their ids, when a CTE `held` has locked their inventories. */
function freeAllocations(ids: string): string {
  return `
    -- The allocations end,
    freed as (
      delete from allocations where id in (${ids}) and (select count(*) from held) > 0
      returning resource_provider_id, resource_class, used),
    -- with the capacity that they took.
    capacity_freed as (
      update inventories i set used = i.used - sums.used, updated_at = now()
      from (select resource_provider_id, resource_class, sum(used) as used from freed group by 1, 2) sums
      where i.resource_provider_id = sums.resource_provider_id and i.resource_class = sums.resource_class)`;
}
