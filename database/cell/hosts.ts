/** Hosts as their cell knows them: a compute service and a compute node each. */

import type { NewHost } from '../api/hosts/hosts.ts';
import { type Database, query } from '../data-api/client.ts';

/** Writes the compute service and the compute node of hosts, or refreshes them. */
export async function saveComputeNodes(cell: Database, hosts: readonly NewHost[]): Promise<void> {
  await query(
    cell,
    `with hosts as (
       select (value->>'uuid')::uuid as uuid, value->>'host' as host, value->'total' as total from jsonb_array_elements(:hosts::jsonb)),
     up as (
       insert into services (uuid, host, "binary", topic, last_seen_up) select gen_random_uuid(), host, 'nova-compute', 'compute', now() from hosts
       on conflict (host, "binary", deleted) do update set last_seen_up = now(), report_count = services.report_count + 1, updated_at = now()
       returning id, host)
     insert into compute_nodes (uuid, service_id, host, hypervisor_hostname, hypervisor_type, hypervisor_version, vcpus, memory_mb, local_gb, mapped)
     select hosts.uuid, up.id, host, host, 'simulated', 1, (total->>'VCPU')::int, (total->>'MEMORY_MB')::int, (total->>'DISK_GB')::int, 1
     from hosts join up using (host)
     on conflict (host, hypervisor_hostname, deleted) do update
       set vcpus = excluded.vcpus, memory_mb = excluded.memory_mb, local_gb = excluded.local_gb, updated_at = now()`,
    { hosts },
  );
}

/** What keeps the scheduler from a host. */
export interface ServiceState {
  disabled: boolean;
  reason: string | null;
  forced_down: boolean;
}

const computeService = `"binary" = 'nova-compute' and deleted = 0`;
const serviceState = 'disabled, disabled_reason as reason, forced_down';

/**
 * Disables the compute service of a host with the reason, or enables it (null).
 * @returns its state from now on; undefined when the cell does not know it.
 */
export async function setServiceDisabled(
  cell: Database,
  host: string,
  disabled: { reason: string | null } | null,
): Promise<ServiceState | undefined> {
  const [state] = await query<ServiceState>(
    cell,
    `update services set disabled = :disabled, disabled_reason = :reason::text, updated_at = now()
     where host = :host and ${computeService} returning ${serviceState}`,
    { host, disabled: disabled !== null, reason: disabled?.reason ?? null },
  );
  return state;
}

/**
 * Forces the compute service of a host down, or takes that back.
 * @returns its state from now on; undefined when the cell does not know it.
 */
export async function setForcedDown(cell: Database, host: string, forcedDown: boolean): Promise<ServiceState | undefined> {
  const [state] = await query<ServiceState>(
    cell,
    `update services set forced_down = :forced_down, updated_at = now() where host = :host and ${computeService} returning ${serviceState}`,
    { host, forced_down: forcedDown },
  );
  return state;
}

/** Returns the states of the compute services that are disabled or forced down by host. */
export async function unusableServices(cell: Database): Promise<Map<string, ServiceState>> {
  const rows = await query<ServiceState & { host: string }>(
    cell,
    `select host, ${serviceState} from services where (disabled or forced_down) and ${computeService}`,
  );
  return new Map(rows.map(({ host, ...state }) => [host, state]));
}

/** Returns the next hosts of a cell by name, those whose service is disabled or forced down too; fewer than `limit` when there are no more. */
export async function listComputeNodes(cell: Database, after: string, limit: number): Promise<NewHost[]> {
  return query<NewHost>(
    cell,
    `select distinct on (c.host) c.uuid, c.host, jsonb_build_object('VCPU', c.vcpus, 'MEMORY_MB', c.memory_mb, 'DISK_GB', c.local_gb) as total,
       coalesce(s.disabled or s.forced_down, false) as disabled
     from compute_nodes c left join services s on s.id = c.service_id and s.deleted = 0
     where c.deleted = 0 and c.host > :after order by c.host limit :limit`,
    { after, limit },
  );
}

/** Counts the living servers of a cell, or of one of its hosts. */
export async function countServers(cell: Database, host: string | null): Promise<number> {
  const [row] = await query<{ count: number }>(
    cell,
    'select count(*)::int as count from instances where deleted = 0 and (:host::text is null or host = :host)',
    { host },
  );
  return row?.count ?? 0;
}
