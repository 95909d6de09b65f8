/**
 * createImage and createBackup: a task of a server that makes an image. The image is queued by the statement that notes the server, so it is found by its id as
 * soon as the action is accepted; one that is refused takes it away.
 */
import { randomUUID } from 'node:crypto';
import { Forbidden, PublicError } from '../../../common/errors.ts';
import { checkProperties, checkPropertyCount } from '../../../common/properties.ts';
import { findInstanceMappingToSnapshot } from '../../../database/api/servers/queue-snapshot.ts';
import { removeSnapshot } from '../../../database/api/snapshots.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { Driver } from '../../hosts/drivers/driver.ts';
import { quotaDefaults } from '../../quotas/quotas.ts';
import type { Settings } from '../../settings.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { serverActions } from './actions.ts';
import { type ActionRequest, beginAction } from './begin-action.ts';

/** An image that a client wants of a server. */
export interface ImageRequest extends ChangeOf {
  name: string;
  /** Properties that the image gets; they win over all that it would have, but for the type of a backup. */
  metadata: Readonly<Record<string, string>>;
  /** Whether they count against the quota of metadata items. */
  counted: boolean;
  /** A backup is of a type, as the client calls it, of which the server keeps `rotation` images; without one it is a snapshot. */
  backup?: { type: string; rotation: number };
}

/**
 * Begins to make an image of a server.
 * @returns its id, once the host was asked, or could not be: then with the error, for the log; the action is accepted.
 * @throws BadRequest for properties that cannot be, Forbidden when there are too many, and what beginAction throws.
 */
export async function createImage(
  api: Database,
  driver: Driver,
  { name, metadata, counted, backup, ...of }: ImageRequest,
  settings: Settings,
): Promise<{ image: string; error?: unknown }> {
  const { caller, requestId } = of;
  const own = { ...metadata, ...(backup && { backup_type: backup.type }) };
  checkProperties(own);
  const image = randomUUID();
  const type = backup ? 'backup' : 'snapshot';
  const snapshot = {
    ...({ id: image, name, requestId, owner: caller.projectId, type, rotation: backup?.rotation ?? null } as const),
    properties: { user_id: caller.userId, image_type: type, ...own },
    notInherited: settings.non_inheritable_image_properties,
    defaultMetadataItems: quotaDefaults.metadata_items,
  };
  let queued: string | undefined;
  const find: NonNullable<ActionRequest['find']> = async (database, uuid, projectId) => {
    const found = await findInstanceMappingToSnapshot(database, uuid, projectId, snapshot);
    if (!found) return undefined;
    queued = found.uuid;
    if (counted && found.metadataItems >= 0 && Object.keys(metadata).length > found.metadataItems) {
      throw new Forbidden('Image metadata limit exceeded');
    }
    checkPropertyCount(found.properties);
    return found;
  };
  const action = serverActions[backup ? 'createBackup' : 'createImage'];
  try {
    return { image, ...(await beginAction(api, driver, { ...of, action, arguments: { image }, find }, settings)) };
  } catch (error) {
    // Whether a cell that does not answer has accepted it, the reaper finds out.
    if (queued !== undefined && error instanceof PublicError) await removeSnapshot(api, { server: queued, request_id: requestId });
    throw error;
  }
}
