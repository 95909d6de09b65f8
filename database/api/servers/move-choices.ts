/** What a resize or a migration names and must find before it is accepted, read with the mapping of the server in one call. */
import { flavorColumns, flavorVisible } from '../flavors.ts';
import { projectLimits, type QuotaResource } from '../quotas.ts';
import type { BootFlavor } from './boot-choices.ts';
import type { Beside } from './instance-mappings.ts';

/** What a resize found beside its server. */
export interface ResizeChoices {
  /** null when there is none for the caller. */
  newFlavor: BootFlavor | null;
  /** Limits of the server's project, -1 being none, and what it uses of them. */
  limits: Record<QuotaResource, number>;
  used: Record<QuotaResource, number>;
}

/** Reads what a resize names. */
export function resizeChoices(flavorId: string, defaults: Readonly<Record<QuotaResource, number>>): Beside {
  return {
    ctes: '',
    sql: `jsonb_build_object(
      'newFlavor', (
        select to_jsonb(found) - 'description' from (
          select ${flavorColumns('f')} from flavors f where flavorid = :flavor_id and not f.disabled and ${flavorVisible('f')}) found),
      'limits', ${projectLimits('m.project_id')},
      'used', (select jsonb_build_object('instances', instances, 'cores', cores, 'ram', ram) from quota_usages where project_id = m.project_id))`,
    parameters: { flavor_id: flavorId, defaults },
  };
}

/** What a migration to a host found beside its server. */
export interface MigrateChoices {
  /** Whether the host is one of the server's cell, and whether the server is there. */
  hostExists: boolean;
  sameHost: boolean;
}

/** Reads what a migration names. */
export function migrateChoices(host: string | null): Beside {
  return {
    ctes: '',
    sql: `jsonb_build_object(
      'hostExists', exists (select from host_states where host = :host and cell_id = m.cell_id),
      'sameHost', exists (
        select from allocations a join host_states h using (resource_provider_id) where a.consumer_id = m.instance_uuid and h.host = :host))`,
    parameters: { host },
  };
}
