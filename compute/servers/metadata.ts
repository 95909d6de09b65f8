/** Metadata of a server, which its clients keep. A lock guards them, and so does a server that has never run. */
import { BadRequest, Forbidden, NotFound } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import { findInstanceMappingAndLimit, type InstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { changeMetadata, type Metadata } from '../../database/cell/instances/metadata-and-tags.ts';
import type { Database } from '../../database/data-api/client.ts';
import { quotaDefaults } from '../quotas/quotas.ts';
import type { ChangeOf } from './change-in-cell.ts';
import { type Change, type Changed, changeableIn, changeBy } from './change-metadata-or-tags.ts';
import { checkLaunch, checkLock, checkVmState } from './check-state.ts';
import { findMapping } from './find-server.ts';

const update = 'update metadata';
const itemNotFound = 'Metadata item was not found';

/**
 * Sets all metadata of a server, or adds to them, and returns what it has then.
 * @throws NotFound when it is not there for the caller, Conflict when it is locked or its state does not allow it, Forbidden when there are too many,
 * DatabaseUnreachable when its cell does not answer.
 */
export async function updateMetadata(api: Database, of: ChangeOf, how: 'replace' | 'add', metadata: Metadata): Promise<Metadata> {
  return change(of, await find(api, of), how, metadata);
}

/**
 * Sets one item.
 * @throws BadRequest when the metadata do not have the item that is meant, and what updateMetadata throws.
 */
export async function updateMetadataItem(api: Database, of: ChangeOf, key: string, metadata: Metadata): Promise<void> {
  const mapping = await find(api, of);
  if (!Object.hasOwn(metadata, key)) throw new BadRequest('Request body and URI mismatch');
  await change(of, mapping, 'add', metadata);
}

async function change(of: ChangeOf, mapping: InstanceMapping & { limit: number }, how: 'replace' | 'add', metadata: Metadata) {
  const { limit } = mapping;
  const most = limit < 0 ? null : limit;
  const changed = await send(of, mapping, how === 'add' ? { add: metadata } : { replace: metadata }, most);
  if (changed.done) return changed.after;
  refuse(of, update, changed);
  if (most !== null && Object.keys(changed.after).length > most) {
    throw new Forbidden(`Maximum number of metadata items exceeds ${most}`);
  }
  return changed.after;
}

/**
 * Removes one item.
 * @throws NotFound when there is no such item either, and what updateMetadata throws.
 */
export async function deleteMetadataItem(api: Database, of: ChangeOf, key: string): Promise<void> {
  const mapping = await find(api, of);
  const changed = await send(of, mapping, { remove: key }, null);
  if (changed.done) return;
  if (!Object.hasOwn(changed.before, key)) throw new NotFound(itemNotFound);
  refuse(of, 'delete metadata', changed);
}

function find(api: Database, { caller, server }: ChangeOf) {
  const limit = { project: caller.projectId, resource: 'metadata_items', fallback: quotaDefaults.metadata_items };
  return findMapping(api, caller, server, (...of) => findInstanceMappingAndLimit(...of, limit));
}

function send({ caller, requestId }: ChangeOf, mapping: InstanceMapping, change: Change<Metadata>, most: number | null) {
  const conditions = { launched: true, unlocked: !allows(caller, 'context_is_admin'), most };
  return changeBy(changeMetadata, mapping, mapping.buildRequest?.metadata, change, conditions, requestId);
}

function refuse({ caller, server }: ChangeOf, action: string, { locked, vm_state, launched }: Changed<Metadata>): void {
  checkLock(caller, server, locked);
  checkVmState(server, action, vm_state, changeableIn);
  checkLaunch(server, action, launched);
}
