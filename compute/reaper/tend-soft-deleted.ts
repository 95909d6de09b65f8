/** Soft-deleted servers: those that are old enough are deleted for good; the others hold no quota, and are looked at again when they are due. */
import type { CellCleanups } from '../../database/api/cells/pending-cleanups.ts';
import { returnQuotaOfSoftDeleted } from '../../database/api/servers/soft-deleted.ts';
import { reclaimInstance } from '../../database/cell/instances/delete.ts';
import type { InstanceState } from '../../database/cell/reaper.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { DeletedServer } from '../servers/end-deleted.ts';
import { reclaimTime } from '../servers/reclaim-time.ts';
import { defaultSettings } from '../settings.ts';
import type { Reaper } from './reap.ts';

/** What was done for the soft-deleted servers of a cell. */
export interface TendedSoftDeleted {
  /** Those that are deleted now. */
  reclaimed: DeletedServer[];
  /** uuids of those that are still soft-deleted. */
  waiting: string[];
}

/** Sees to the soft-deleted ones among servers of a cell. */
export async function tendSoftDeleted(
  { api, settings = defaultSettings, silence }: Reaper,
  { own }: CellCleanups,
  database: Database,
  states: readonly InstanceState[],
): Promise<TendedSoftDeleted> {
  const { reclaim_instance_interval: interval } = settings;
  const softDeleted = states.filter(({ deleted, vm_state, task }) => !deleted && vm_state === 'soft-delete' && task === null);
  const reclaimed: DeletedServer[] = [];
  const reclaim = async ({ uuid }: InstanceState) => {
    const server = await reclaimInstance(database, uuid, interval);
    if (server) reclaimed.push({ ...server, uuid, deleted_for: 0 });
  };
  if (interval > 0) await Promise.all(softDeleted.filter(({ deleted_for }) => deleted_for >= interval).map(reclaim));
  const gone = new Set(reclaimed.map(({ uuid }) => uuid));
  const waiting = new Map(softDeleted.filter(({ uuid }) => !gone.has(uuid)).map((state) => [state.uuid, state]));
  const noted = own.flatMap(({ uuid, generation }) => {
    const state = waiting.get(uuid);
    return state ? [{ uuid, generation, due_at: reclaimTime(settings, Date.now() - state.deleted_for * 1_000) }] : [];
  });
  if (noted.length > 0) await returnQuotaOfSoftDeleted(api, noted, silence);
  return { reclaimed, waiting: [...waiting.keys()] };
}
