/**
 * A rebuild: the server gets a new disk of an image, on its host, and what else its client wants of it. What it shall be is changed when it is accepted, as in
 * Nova, so one that fails on the host has changed it as well. An image that the host cannot run fails the rebuild at once, and the server keeps its own.
 */
import { Conflict } from '../../../common/errors.ts';
import { allows, authorize } from '../../../common/policy.ts';
import type { BootImage } from '../../../database/api/servers/boot-choices.ts';
import { noteImages } from '../../../database/api/servers/images-of-servers.ts';
import { findRebuildChoices } from '../../../database/api/servers/rebuild-choices.ts';
import { beginRebuild, type FoundToRebuild, type RebuildChanges } from '../../../database/cell/instances/rebuild.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { Instance } from '../../../database/servers/document.ts';
import { inCell } from '../../cells/reach.ts';
import type { Driver } from '../../hosts/drivers/driver.ts';
import { guestOf } from '../../hosts/drivers/guest.ts';
import { quotaDefaults } from '../../quotas/quotas.ts';
import { defaultSettings, type Settings } from '../../settings.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { findMapping, serverNotFound, type WholeServer } from '../find-server.ts';
import { imageMetadata } from '../image-metadata.ts';
import { allowedBy, inState, outcome, refusalOf } from '../refusals.ts';
import { type Seal, taskContext } from '../secrets.ts';
import { serverActions } from '../tasks/actions.ts';
import { applyReport } from '../tasks/apply-report.ts';
import { askHost } from '../tasks/ask-host.ts';
import { autoDiskConfigOf, checkRebuild, type FoundRebuild, rejectImage } from './checks.ts';

/** What a client asks for, already checked for its form; what is undefined stays as it is. */
export interface RebuildRequest {
  imageId: string;
  /** Seals the password of the guest's administrator, and the files. */
  seal: Seal;
  name: string | undefined;
  description: string | null | undefined;
  hostname: string | undefined;
  /** null takes the key away. */
  keyName: string | null | undefined;
  userData: string | null | undefined;
  metadata: Record<string, string> | undefined;
  trustedCerts: string[] | null | undefined;
  /** undefined does as the image says. */
  autoDiskConfig: boolean | undefined;
  accessIPv4: string | undefined;
  accessIPv6: string | undefined;
  /** Files to put into the server. */
  files: { path: string; contents: string }[];
  /** Whether the ephemeral disk is kept. */
  preserveEphemeral: boolean;
  /** Whether a root disk on a volume is written anew. */
  reimagesVolumes: boolean;
}

/** A server whose rebuild was accepted, and what kept its host from being asked, for the log. */
export interface RebuiltServer extends WholeServer {
  error?: unknown;
}

const { rebuild, rebuildStopped } = serverActions;

/**
 * Begins a rebuild, and asks the host.
 * @throws NotFound when the server is not there for the caller, Conflict when it refuses, BadRequest and Forbidden for what does not exist, does not fit or is
 * too much, DatabaseUnreachable when its cell does not answer.
 */
export async function rebuildServer(
  api: Database,
  driver: Driver,
  of: ChangeOf,
  request: RebuildRequest,
  settings = defaultSettings,
): Promise<RebuiltServer> {
  if (request.trustedCerts !== undefined) authorize(of.caller, 'os_compute_api:servers:rebuild:trusted_certs');
  const mapping = await findChoices(api, of, request);
  const { uuid, cell, buildRequest } = mapping;
  if (buildRequest) throw new Conflict(inState(rebuild.word, uuid, 'vm_state', buildRequest.vm_state));
  if (!cell) throw serverNotFound(uuid);
  const begun = await begin(cell.database_connection, of, request, mapping);
  const results = await Promise.allSettled(goOn(api, driver, settings, of, mapping, begun));
  const failed = results.find((result) => result.status === 'rejected');
  return { mapping, instance: begun.instance, ...(failed && { error: failed.reason }) };
}

/** Reads what the rebuild names. */
function findChoices(api: Database, { caller, server }: ChangeOf, { imageId, keyName = null }: RebuildRequest): Promise<FoundRebuild> {
  const { userId, projectId } = caller;
  const asked = { imageId, keyName, userId, projectId, seesAll: allows(caller, 'context_is_admin') };
  return findMapping(api, caller, server, (...which) => findRebuildChoices(...which, asked, quotaDefaults));
}

/** A rebuild that its cell has accepted. */
interface BegunRebuild extends FoundToRebuild {
  cell: string;
  host: string;
  instance: Instance;
  image: BootImage;
  /** Why its host cannot run the image. */
  rejection: string | undefined;
}

/** Has the cell accept the rebuild. Nova looks at the state first, so what is wrong with the request is known before the cell is asked, and said after it. */
async function begin(cell: string, of: ChangeOf, request: RebuildRequest, mapping: FoundRebuild): Promise<BegunRebuild> {
  const { caller, requestId } = of;
  const check = (onVolume: boolean) => outcome(() => checkRebuild(caller, request, mapping, onVolume));
  const [onHost, onVolume] = [check(false), check(true)];
  const image = onHost.result ?? onVolume.result;
  const rejection = image && rejectImage(mapping, image);
  const task = {
    ...{ server: mapping.uuid, action: rebuild.recorded, request_id: requestId, taskState: rebuild.taskState },
    event: rejection === undefined ? rebuild.event : 'rebuild_server',
    arguments: rejection === undefined ? argumentsOf(request, taskContext(mapping.uuid, requestId)) : { no_valid_host: rejection },
    ...{ userId: caller.userId, projectId: caller.projectId },
  };
  const precondition = { ...rebuild, unlocked: !allows(caller, 'context_is_admin') };
  const changes = changesOf(request, mapping, image, rejection === undefined);
  const refused = { onHost: !onHost.result, onVolume: !onVolume.result };
  const found = await inCell(cell, 'changing', (database) => beginRebuild(database, task, precondition, changes, refused));
  if (!found) throw serverNotFound(mapping.uuid);
  const { host, instance, accepted } = found;
  if (accepted && host !== null && instance && image)
    return { ...found, cell, host, instance: afterChanges(instance, changes), image, rejection };
  const wrong = (found.onVolume ? onVolume : onHost).error;
  throw wrong && allowedBy(precondition, found) ? wrong : refusalOf(mapping.uuid, rebuild.word, precondition, found);
}

/** What the host needs to know. */
function argumentsOf({ imageId, preserveEphemeral, seal }: RebuildRequest, context: string): Record<string, string> {
  return { image: imageId, sealed: seal(context), ...(preserveEphemeral && { preserve_ephemeral: 'True' }) };
}

function changesOf(request: RebuildRequest, { keyPair, spec }: FoundRebuild, image: BootImage | undefined, fits: boolean): RebuildChanges {
  const { name, description, hostname, keyName, userData, accessIPv4, accessIPv6, autoDiskConfig, metadata, trustedCerts } = request;
  return {
    columns: {
      ...{ display_name: name, display_description: description, hostname, access_ip_v4: accessIPv4, access_ip_v6: accessIPv6 },
      ...(keyName !== undefined && { key_name: keyName, key_data: keyName === null ? null : (keyPair?.public_key ?? null) }),
      ...{ user_data: userData, auto_disk_config: autoDiskConfig ?? (image && autoDiskConfigOf(image)) },
    },
    metadata,
    ...(image && fits
      ? { imageRef: image.id, imageMetadata: imageMetadata(image.id, image, spec?.flavor.root_gb ?? 0) }
      : { imageRef: undefined, imageMetadata: undefined }),
    trustedCerts,
  };
}

/** What a statement changes beside the row itself, it does not read. */
function afterChanges(instance: Instance, { metadata, imageMetadata: ofImage, trustedCerts }: RebuildChanges): Instance {
  const others = Object.entries(instance.system_metadata).filter(([key]) => !key.startsWith('image_'));
  return {
    ...instance,
    ...(metadata && { metadata }),
    ...(ofImage && { system_metadata: { ...Object.fromEntries(others), ...ofImage } }),
    ...(trustedCerts !== undefined && { trusted_certs: trustedCerts }),
  };
}

/** What follows the acceptance; whatever of it happens, the reaper sees to both: that the rebuild ends, and that the request spec has its image. */
function goOn(
  api: Database,
  driver: Driver,
  settings: Settings,
  { requestId }: ChangeOf,
  { uuid, spec }: FoundRebuild,
  { cell, host, fencing_token, vm_state, rebuilds, image, rejection, instance }: BegunRebuild,
): Promise<unknown>[] {
  // An acceptance that is sent again may find its task over: then nothing follows any more.
  if (instance.task?.request_id !== requestId) return [];
  const task = { action: rebuild.recorded, request_id: requestId, attempt: 1 };
  const tasks = { api, driver, settings };
  if (rejection !== undefined)
    return [applyReport(tasks, cell, rebuild, { ...task, server: uuid }, { result: 'failure', message: rejection })];
  const action = vm_state === 'stopped' ? rebuildStopped : rebuild;
  const known = instance.task.arguments;
  const asked = askHost(tasks, action, {
    ...{ server: uuid, host, fencing_token, cell, task, arguments: known },
    guest: guestOf(instance),
  });
  if (spec?.image?.id === image.id) return [asked];
  return [asked, noteImages(api, [{ uuid, image: { id: image.id, properties: image.properties }, rebuilds }])];
}
