/**
 * Placement: what is allocated of what hosts have. A claim is one statement that allocates for all servers of a request or for none, so two boots never
 * get the same capacity. Locks are taken in one order by everyone: build requests, mappings, allocations, inventories by id, server group.
 */
import { type Database, query } from '../../data-api/client.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import type { Group } from '../scheduler/scheduling-state.ts';

/** The resource classes a server takes, in Placement's names. */
export const resourceClasses = ['VCPU', 'MEMORY_MB', 'DISK_GB'] as const;
export type ResourceClass = (typeof resourceClasses)[number];

/** Amounts by class: VCPU in processors, MEMORY_MB in MiB, DISK_GB in GiB. */
export type Resources = Record<ResourceClass, number>;

/** Placement's trait of a host whose compute service is disabled. */
export const disabledTrait = 'COMPUTE_STATUS_DISABLED';

/** A failed build counts against its host for so long after the last. */
export const failuresLast = '10 minutes';

/** What a server is to get of a host. */
export interface Claim {
  server: string;
  /** Id of the resource provider. */
  provider: number;
  resources: Resources;
}

/**
 * Claims hosts for servers: for all of them or none. A server whose build request is gone, or is another execution's, gets nothing and hinders nobody.
 * Sent twice, it claims once and answers the same.
 * @param group the server group as it was when the hosts were picked, if its policy binds: the claim holds only if no other was made for it since.
 * @returns false when a host no longer has the capacity or may no longer be picked, or when the group or a server has been claimed for meanwhile.
 */
export async function claim(api: Database, execution: string, claims: readonly Claim[], group: Group | null): Promise<boolean> {
  const [row] = await query<{ holds: boolean }>(
    api,
    `with
     -- The servers, each with its host and what it takes there.
     asked as (
       select (value->>'server')::uuid as server, (value->>'provider')::int as provider, value->'resources' as resources
       from jsonb_array_elements(:claims::jsonb)),
     -- Those that still wait and that this execution owns. First lock of all, as for all who take a build request away.
     waiting as (
       select b.instance_uuid as server from build_requests b join asked on server = b.instance_uuid
       where b.execution = :execution order by b.id for update of b),
     -- A row for each allocation that they need; that of VCPU says where a server is, also when it takes none.
     wanted as (
       select server, provider, key as resource_class, amount::bigint as amount
       from asked join waiting using (server) cross join lateral jsonb_each_text(resources) as amounts (key, amount)
       where amount::bigint > 0 or key = 'VCPU'),
     -- Allocations that an earlier sending of this statement made, and whether it made all of them on these hosts.
     before as (
       select count(*) as found, count(*) filter (where a.resource_provider_id = wanted.provider) = (select count(*) from wanted) as complete
       from wanted join allocations a on a.consumer_id = server and a.resource_class = wanted.resource_class),
     -- What each host must have in all; nothing when this was sent before.
     sums as (select provider, resource_class, sum(amount) as amount from wanted, before where before.found = 0 group by 1, 2),
     -- The inventories under lock, in the order of their ids, of hosts that may still be picked.
     held as (
       select i.id, i.free >= sums.amount as fits, sums.amount
       from inventories i join sums on i.resource_provider_id = sums.provider and i.resource_class = sums.resource_class
       join host_states h on h.resource_provider_id = sums.provider and h.pickable
       order by i.id for update of i),
     -- Whether all of them are there and have the capacity.
     capacity as (
       select before.found = 0 and coalesce((select bool_and(fits) from held), true) and (select count(*) from held) = (select count(*) from sums) as fits
       from before),
     -- The group as it was when the hosts were picked; a claim for another member now comes too late.
     alone as (
       update instance_groups g set generation = generation + 1, updated_at = now()
       from capacity where capacity.fits and g.id = :group::int and g.generation = :generation::int and exists (select from sums)
       returning g.id),
     -- All or nothing.
     verdict as (
       select fits and (:group::int is null or exists (select from alone) or not exists (select from sums)) as fits from capacity),
     -- The claim.
     claimed as (
       insert into allocations (consumer_id, resource_provider_id, resource_class, used)
       select server, provider, resource_class, amount from wanted, verdict where verdict.fits
       on conflict (consumer_id, resource_class) do nothing
       returning resource_provider_id, resource_class, used),
     -- The capacity that it takes.
     taken as (
       update inventories i set used = i.used + amount, updated_at = now()
       from (select resource_provider_id, resource_class, sum(used) as amount from claimed group by 1, 2) c
       where i.resource_provider_id = c.resource_provider_id and i.resource_class = c.resource_class),
     -- The reaper sees that the execution lives.
     marked as (
       update build_requests b set updated_at = now()
       from waiting, verdict where b.instance_uuid = waiting.server and verdict.fits)
     select verdict.fits and (select count(*) from claimed) = (select count(*) from wanted) or (before.found > 0 and before.complete) as holds
     from verdict, before`,
    { claims, execution, group: group?.id ?? null, generation: group?.generation ?? null },
  );
  return row?.holds ?? false;
}

/** Other members of the group may be moving too; each time one of them gets on. */
const looks = 20;

/**
 * Moves the allocations of a server from its host, which failed to build it, to the first of the alternates that may be picked, has the capacity and keeps the policy of
 * the server's group; and notes the failure. Each look is one statement.
 * @returns the new host, also when an earlier call has moved it there; null when no alternate will do; undefined when the server has another owner, or its
 *   claim is on neither.
 */
export async function moveAllocations(
  api: Database,
  server: FencedServer,
  from: string,
  alternates: readonly string[],
): Promise<string | null | undefined> {
  for (let look = 1; ; look++) {
    const { known, host, raced } = await tryMoveAllocations(api, server, from, alternates);
    if (!known) return undefined;
    if (!raced || look === looks) return host;
  }
}

async function tryMoveAllocations(
  api: Database,
  { uuid: server, fencing_token }: FencedServer,
  from: string,
  alternates: readonly string[],
) {
  const [row] = await query<{ known: boolean; host: string | null; raced: boolean }>(
    api,
    `with
     -- The server, if the caller acts for its owner.
     owned as (
       select instance_uuid from instance_mappings where instance_uuid = :server::uuid and fencing_token = :fencing_token for update),
     -- Its allocations, wherever they are.
     held_now as (
       select a.id, a.resource_provider_id, a.resource_class, a.used, p.name from allocations a
       join resource_providers p on p.id = a.resource_provider_id
       where a.consumer_id = (select instance_uuid from owned) order by a.id for update of a),
     -- Those on the host that failed; none when an earlier sending of this statement has moved them.
     claimed as (select * from held_now where name = :from),
     -- Its group, if the policy binds.
     team as (
       select g.id, g.generation, p.policy, coalesce((p.rules->>'max_server_per_host')::int, 1) as most
       from instance_group_member m join instance_groups g on g.id = m.group_id join instance_group_policy p on p.group_id = g.id
       where m.instance_uuid = :server::uuid and p.policy in ('affinity', 'anti-affinity')),
     -- Where the other members are.
     others as (
       select a.resource_provider_id as provider, count(*) as servers
       from team join instance_group_member m on m.group_id = team.id and m.instance_uuid <> :server::uuid
       join allocations a on a.consumer_id = m.instance_uuid and a.resource_class = 'VCPU' group by 1),
     -- The alternates that may be picked and keep the policy.
     alternates as (
       select h.resource_provider_id as id, h.host as name, position
       from jsonb_array_elements_text(:alternates::jsonb) with ordinality as list (name, position) join host_states h on h.host = list.name
       left join team on true left join others o on o.provider = h.resource_provider_id
       where h.pickable and case team.policy
         when 'anti-affinity' then coalesce(o.servers, 0) < team.most
         when 'affinity' then not exists (select from others where provider <> h.resource_provider_id)
         else true end),
     -- Their inventories and those of the host that failed, under lock, in the order of their ids.
     held as (
       select i.id, i.resource_provider_id, i.resource_class, i.free >= claimed.used as fits
       from inventories i join claimed using (resource_class)
       where i.resource_provider_id in (select id from alternates union select resource_provider_id from claimed)
       order by i.id for update of i),
     -- The first one with the capacity for all of it.
     best as (
       select id, name from alternates a
       where (select bool_and(fits) and count(*) = (select count(*) from claimed) from held where resource_provider_id = a.id)
       order by position limit 1),
     -- The group as it is; another member that moves now comes too late.
     alone as (
       update instance_groups g set generation = g.generation + 1, updated_at = now()
       from team, best where g.id = team.id and g.generation = team.generation
       returning g.id),
     -- The host it goes to.
     chosen as (select * from best where not exists (select from team) or exists (select from alone)),
     -- Another member was first, so that what was seen of the group no longer holds.
     raced as (select exists (select from best) and not exists (select from chosen) as raced),
     -- The failure counts against the host, unless all of this is looked at again.
     failed as (
       insert into build_failures (resource_provider_id) select distinct resource_provider_id from claimed, raced where not raced
       on conflict (resource_provider_id) do update set last_at = now(),
         builds = case when build_failures.last_at > now() - interval '${failuresLast}' then build_failures.builds + 1 else 1 end),
     -- The capacity of the one host is released,
     freed as (
       update inventories i set used = i.used - claimed.used, updated_at = now() from claimed, chosen
       where i.resource_provider_id = claimed.resource_provider_id and i.resource_class = claimed.resource_class),
     -- is taken on the other,
     taken as (
       update inventories i set used = i.used + claimed.used, updated_at = now() from claimed, chosen
       where i.resource_provider_id = chosen.id and i.resource_class = claimed.resource_class),
     -- and the claim goes there.
     moved as (
       update allocations a set resource_provider_id = chosen.id, updated_at = now() from claimed, chosen where a.id = claimed.id)
     select exists (select from held_now where name = :from or name in (select jsonb_array_elements_text(:alternates::jsonb))) as known,
       coalesce((select name from chosen),
         (select name from held_now where name in (select jsonb_array_elements_text(:alternates::jsonb)) limit 1)) as host,
       (select raced from raced) as raced`,
    { server, fencing_token, from, alternates },
  );
  if (!row) throw new Error('a select without from returns one row');
  return row;
}
