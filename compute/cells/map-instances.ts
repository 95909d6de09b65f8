/**
 * Servers of a cell that the index does not have, as after a database was restored, get into it: with their mapping what else the api database holds of a
 * server. What is mapped is itself the mark of how far the work is; so it may stop anywhere and begin again, in several cells at once.
 */

import { firstUuid } from '../../database/api/audit/servers.ts';
import type { CellMapping } from '../../database/api/cells/cell-mappings.ts';
import { type AdoptedServer, adoptServers, listUnmapped } from '../../database/api/cells/map-instances.ts';
import { listInstanceUuids } from '../../database/cell/audit.ts';
import { findInstances } from '../../database/cell/instances/find.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Instance } from '../../database/servers/document.ts';
import { resourcesOf } from '../scheduler/select-hosts.ts';

/** Servers compared at a time, and mapped at a time, as in Nova. */
const page = 1_000;
const batch = 50;

/** How far the work is. */
export interface MappedInstances {
  /** Servers of the cell that were checked. */
  seen: number;
  mapped: number;
  /** More are left, because no more were wanted. */
  more: boolean;
}

/**
 * Maps the servers of a cell that are not mapped, deleted ones too, at most `most`.
 * @throws DatabaseUnreachable
 */
export async function mapInstances(
  api: Database,
  cell: Pick<CellMapping, 'uuid'>,
  database: Database,
  most: number,
  report: (progress: MappedInstances) => void,
): Promise<MappedInstances> {
  const progress = { seen: 0, mapped: 0, more: false };
  for (let after = firstUuid; ; ) {
    const uuids = await listInstanceUuids(database, after, page);
    for (let left = await listUnmapped(api, cell.uuid, uuids); left.length > 0; ) {
      const wanted = left.slice(0, Math.min(batch, most - progress.mapped));
      if (wanted.length === 0) return { ...progress, more: true };
      left = left.slice(wanted.length);
      const found = await findInstances(database, wanted, 'all');
      progress.mapped += await adoptServers(api, cell.uuid, [...found.values()].map(adopted));
      report(progress);
    }
    progress.seen += uuids.length;
    report(progress);
    const last = uuids.at(-1);
    if (last === undefined || uuids.length < page) return progress;
    after = last;
  }
}

/** What a server keeps of its image has this prefix; these are no properties of it. */
const prefix = 'image_';
const notProperties = new Set(['image_base_image_ref', 'image_min_disk', 'image_min_ram', 'image_disk_format', 'image_container_format']);

/** The request spec is made again from what the cell knows. */
function adopted(instance: Instance): AdoptedServer {
  const {
    uuid,
    project_id,
    user_id,
    created_at,
    deleted,
    terminated_at,
    vm_state,
    host,
    flavor,
    image_ref,
    system_metadata,
    request_spec,
  } = instance;
  const properties = Object.entries(system_metadata).flatMap(([key, value]) =>
    key.startsWith(prefix) && !notProperties.has(key) ? [[key.slice(prefix.length), value]] : [],
  );
  const spec = {
    flavor,
    image: image_ref ? { id: image_ref, properties: Object.fromEntries(properties) } : null,
    availability_zone: request_spec?.availability_zone ?? null,
    scheduler_hints: request_spec?.scheduler_hints ?? {},
  };
  return {
    ...{ uuid, project_id, user_id, created_at, spec, host },
    deleted_at: deleted === 0 ? null : (terminated_at ?? created_at),
    building: vm_state === 'building',
    resources: resourcesOf(spec),
  };
}
