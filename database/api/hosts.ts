/** Hosts as the api database knows them: mapped to a cell, with a resource provider and inventories. */
import { type Database, query } from '../data-api.ts';
import { disabledTrait, type Resources } from './placement.ts';

/** A host to register; `uuid` is that of its compute node and so of its resource provider. */
export interface NewHost {
  uuid: string;
  host: string;
  total: Resources;
}

/** Maps hosts to a cell and tells placement what they have. Hosts that are known keep what is claimed on them. */
export async function saveHosts(api: Database, cell: string, hosts: readonly NewHost[]): Promise<void> {
  await query(
    api,
    `with hosts as (
       select (value->>'uuid')::uuid as uuid, value->>'host' as host, value->'total' as total from jsonb_array_elements(:hosts::jsonb)),
     mappings as (
       insert into host_mappings (cell_id, host) select c.id, host from hosts join cell_mappings c on c.uuid = :cell::uuid
       on conflict (host) do nothing),
     providers as (
       insert into resource_providers (uuid, name) select uuid, host from hosts
       on conflict (name) do update set updated_at = now()
       returning id, name)
     insert into inventories (resource_provider_id, resource_class, total)
     select p.id, key, value::int from providers p join hosts on host = p.name cross join lateral jsonb_each_text(total)
     on conflict (resource_provider_id, resource_class) do update set total = excluded.total, updated_at = now()`,
    { hosts, cell },
  );
}

/** A mapped host; `enabled` tells whether the scheduler may pick it. */
export interface MappedHost {
  host: string;
  cell: string;
  enabled: boolean;
  updatedAt: string;
}

/** Gives all mapped hosts by name. */
export async function listHosts(api: Database): Promise<MappedHost[]> {
  return query<MappedHost>(
    api,
    `select p.name as host, c.name as cell, not '${disabledTrait}' = any (p.traits) as enabled,
       coalesce(p.updated_at, p.created_at) as "updatedAt"
     from resource_providers p join host_mappings h on h.host = p.name join cell_mappings c on c.id = h.cell_id order by p.name`,
  );
}
