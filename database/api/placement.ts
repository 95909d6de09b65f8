/**
 * Placement: what is claimed of what hosts have. A claim is one statement that takes room for all servers of a request or for none, so two boots never
 * take the same room. Locks are taken in one order by everyone: build requests, allocations, inventories by id, server group.
 */
import { type Database, query } from '../data-api.ts';
import type { Group } from './scheduling-state.ts';

/** The resource classes a server takes, in Placement's names. */
export const resourceClasses = ['VCPU', 'MEMORY_MB', 'DISK_GB'] as const;
export type ResourceClass = (typeof resourceClasses)[number];

/** Amounts by class: VCPU in processors, MEMORY_MB in MiB, DISK_GB in GiB. */
export type Resources = Record<ResourceClass, number>;

/** Room that a server takes on a host. */
export interface Claim {
  server: string;
  /** Id of the resource provider. */
  provider: number;
  resources: Resources;
}

/**
 * Claims room for servers: all of them or none. A server whose build request is gone, or is another execution's, claims nothing and hinders nobody.
 * Sent twice, it claims once and answers the same.
 * @param group the server group as it was when the hosts were picked, if its policy binds: the claim holds only if no other was made for it since.
 * @returns false when a host no longer has the room or may no longer be picked, or when the group or a server has been claimed for meanwhile.
 */
export async function claim(api: Database, execution: string, claims: readonly Claim[], group: Group | null): Promise<boolean> {
  const [row] = await query<{ holds: boolean }>(
    api,
    `with asked as (
       select (value->>'server')::uuid as server, (value->>'provider')::int as provider, value->'resources' as resources
       from jsonb_array_elements(:claims::jsonb)),
     waiting as (
       select b.instance_uuid as server from build_requests b join asked on server = b.instance_uuid
       where b.execution = :execution order by b.id for update of b),
     wanted as (
       select server, provider, key as resource_class, amount::int as amount
       from asked join waiting using (server) cross join lateral jsonb_each_text(resources) as amounts (key, amount) where amount::int > 0),
     before as (
       select count(*) as any, count(*) filter (where a.resource_provider_id = wanted.provider) = (select count(*) from wanted) as all
       from wanted join allocations a on a.consumer_id = server and a.resource_class = wanted.resource_class),
     sums as (select provider, resource_class, sum(amount) as amount from wanted, before where before.any = 0 group by 1, 2),
     held as (
       select i.id, i.free >= sums.amount as fits, sums.amount
       from inventories i join sums on i.resource_provider_id = sums.provider and i.resource_class = sums.resource_class
       join host_states h on h.resource_provider_id = sums.provider and h.pickable
       order by i.id for update of i),
     room as (
       select before.any = 0 and coalesce((select bool_and(fits) from held), true) and (select count(*) from held) = (select count(*) from sums) as fits
       from before),
     alone as (
       update instance_groups g set generation = generation + 1, updated_at = now()
       from room where room.fits and g.id = :group::int and g.generation = :generation::int and exists (select from sums)
       returning g.id),
     verdict as (
       select fits and (:group::int is null or exists (select from alone) or not exists (select from sums)) as fits from room),
     taken as (
       update inventories i set used = used + held.amount, updated_at = now() from held, verdict where i.id = held.id and verdict.fits),
     claimed as (
       insert into allocations (consumer_id, resource_provider_id, resource_class, used)
       select server, provider, resource_class, amount from wanted, verdict where verdict.fits),
     marked as (
       update build_requests b set updated_at = now()
       from waiting, verdict where b.instance_uuid = waiting.server and verdict.fits)
     select verdict.fits or (before.any > 0 and before.all) as holds from verdict, before`,
    { claims, execution, group: group?.id ?? null, generation: group?.generation ?? null },
  );
  return row?.holds ?? false;
}
