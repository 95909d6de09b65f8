/** Hosts for which something may be left to do, since they were forced down or brought up again: what pending cleanups are for servers. */
import { type Database, query } from '../../data-api/client.ts';

/** A host that a cell may have something to do for. */
export interface HostCleanup {
  host: string;
  /** How often it was noted. */
  generation: number;
}

/** SQL that notes that something is to be done, now, for the hosts of a selection of (resource_provider_id). */
export function noteHosts(providers: string): string {
  return `insert into host_cleanups (resource_provider_id) ${providers}
    on conflict (resource_provider_id) do update set due_at = now(), generation = host_cleanups.generation + 1`;
}

/** CTE `due_hosts` of the hosts that are due, by cell. */
export const dueHosts = `
  due_hosts as (
    select m.cell_id, jsonb_build_object('host', m.host, 'generation', c.generation) as cleanup
    from host_cleanups c join resource_providers p on p.id = c.resource_provider_id join host_mappings m on m.host = p.name
    where c.due_at <= now() order by c.due_at limit 500)`;

/** Completes cleanups of hosts, or moves those with a due time (ISO 8601) there; not those noted again since they were listed. */
export async function completeHostCleanups(api: Database, cleanups: readonly (HostCleanup & { due_at: string | null })[]): Promise<void> {
  await query(
    api,
    `with
     -- The cleanups, if they are as they were.
     seen as (
       select c.resource_provider_id, seen.due_at
       from jsonb_to_recordset(:cleanups::jsonb) as seen (host text, generation int, due_at timestamptz)
       join resource_providers p on p.name = seen.host
       join host_cleanups c on c.resource_provider_id = p.id and c.generation = seen.generation
       order by c.resource_provider_id for update of c),
     -- There is still something to do.
     moved as (
       update host_cleanups c set due_at = seen.due_at from seen
       where c.resource_provider_id = seen.resource_provider_id and seen.due_at is not null)
     delete from host_cleanups c using seen where c.resource_provider_id = seen.resource_provider_id and seen.due_at is null`,
    { cleanups },
  );
}
