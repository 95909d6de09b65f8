/** A move, from its request to what hosts do at once. What a client may not ask is refused when the server's own states have had their say, as in Nova. */
import { randomUUID } from 'node:crypto';
import { BadRequest } from '../../../common/errors.ts';
import { findInstanceMappingToChange, type InstanceMapping, type NotedMapping } from '../../../database/api/servers/instance-mappings.ts';
import { type MigrateChoices, migrateChoices, type ResizeChoices, resizeChoices } from '../../../database/api/servers/move-choices.ts';
import { beginMove } from '../../../database/cell/moves.ts';
import type { Move } from '../../../database/servers/move.ts';
import { defaultLimits, growthExceeded } from '../../quotas/instance-quota.ts';
import { checkMinimumDisk, checkMinimumMemory } from '../boot-checks.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { savedFlavor } from '../create-servers.ts';
import { checkHardware } from '../hardware.ts';
import { allowedBy, outcome } from '../refusals.ts';
import { acceptTask, findMappingFor, refusedBy, taskOf } from '../tasks/accept-task.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { moveServer } from './move-server.ts';
import { type ServerMove, serverMoves } from './moves.ts';

/** Who asks for which flavor. */
export interface ResizeRequest extends ChangeOf {
  flavorId: string;
  /** null leaves it. */
  autoDiskConfig: boolean | null;
}

/** The begin of a move: nothing claimed, nothing done. */
const unclaimed = { flavor: null, auto_disk_config: null, requested_host: null, claimed: null, step: 0 };

/** What became of a move: an error of a host or a database is for the log, since the move is accepted and goes on. */
export type BegunMove = { error?: unknown };

/**
 * Begins a resize.
 * @throws NotFound, Conflict as every action; BadRequest when the flavor will not do, Forbidden when the quota does not allow it.
 */
export async function resizeServer(tasks: Tasks, request: ResizeRequest): Promise<BegunMove> {
  const beside = resizeChoices(request.flavorId, defaultLimits);
  const mapping = await findMappingFor(tasks.api, request, serverMoves.resize, (api, uuid, projectId) =>
    findInstanceMappingToChange<ResizeChoices>(api, uuid, projectId, beside),
  );
  const { newFlavor } = mapping;
  const flavor = newFlavor && { ...savedFlavor(newFlavor), id: newFlavor.id };
  const auto_disk_config = request.autoDiskConfig ?? false;
  const move = { ...unclaimed, migration: randomUUID(), flavor, auto_disk_config };
  return begin(tasks, request, serverMoves.resize, mapping, move, () => checkResize(request.flavorId, mapping));
}

/**
 * Begins a migration to another host: any, or the one that is named.
 * @throws NotFound, Conflict as every action; BadRequest when the host will not do.
 */
export async function migrateServer(tasks: Tasks, request: ChangeOf & { host: string | null }): Promise<BegunMove> {
  const { host } = request;
  const mapping = await findMappingFor(tasks.api, request, serverMoves.migrate, (api, uuid, projectId) =>
    findInstanceMappingToChange<MigrateChoices>(api, uuid, projectId, migrateChoices(host)),
  );
  const move = { ...unclaimed, migration: randomUUID(), requested_host: host };
  return begin(tasks, request, serverMoves.migrate, mapping, move, () => {
    if (host === null) return;
    if (mapping.sameHost) throw new BadRequest('Cannot migrate to the host where the server exists.');
    if (!mapping.hostExists) throw new BadRequest(`Compute host ${host} could not be found.`);
  });
}

/**
 * Begins the end of a resize or a migration: its confirmation or its return.
 * @throws NotFound, Conflict as every action; BadRequest when that has begun already.
 */
export async function endResize(tasks: Tasks, request: ChangeOf, kind: 'confirmResize' | 'revertResize'): Promise<BegunMove> {
  const mapping = await findMappingFor(tasks.api, request, serverMoves[kind], findInstanceMappingToChange);
  return begin(tasks, request, serverMoves[kind], mapping, { ...unclaimed, migration: null });
}

/**
 * Begins a move.
 * @param check throws what is wrong with the request; it is known before the cell is asked, and said when the server's own states have allowed the move.
 */
async function begin(
  tasks: Tasks,
  of: ChangeOf,
  kind: ServerMove,
  mapping: NotedMapping,
  move: Move,
  check: () => void = () => {},
): Promise<BegunMove> {
  const { cell, request } = taskOf(mapping, of, kind);
  const { error: wrong } = outcome(check);
  const { found, accepted } = await acceptTask(cell, request, (database, task, precondition) =>
    beginMove(database, task, precondition, move, wrong !== undefined),
  );
  const refused = refusedBy(request, found);
  if (refused) throw wrong !== undefined && allowedBy(request.precondition, refused.found) ? wrong : refused.conflict;
  if (!accepted) throw new Error('what is not refused is accepted');
  const { task, server } = accepted;
  try {
    await moveServer(tasks, { ...task, server, cell });
    return {};
  } catch (error) {
    return { error };
  }
}

/** @throws BadRequest or Forbidden, in the order of Nova's `resize`. */
function checkResize(flavorId: string, { spec, newFlavor, limits, used }: InstanceMapping & ResizeChoices): void {
  if (!newFlavor) throw new BadRequest(`Flavor ${flavorId} could not be found.`);
  const { flavor, image, inherited } = spec ?? {};
  if (newFlavor.root_gb === 0 && flavor?.root_gb !== 0 && image) {
    throw new BadRequest('Server disk was unable to be resized because: Resize to zero disk flavor is not allowed.');
  }
  if (flavor?.flavorid === newFlavor.flavorid) throw new BadRequest('When resizing, instances must change flavor!');
  const growth = { cores: newFlavor.vcpus - (flavor?.vcpus ?? 0), ram: newFlavor.memory_mb - (flavor?.memory_mb ?? 0) };
  const exceeded = growthExceeded({ limits, used }, growth);
  if (exceeded) throw exceeded;
  checkHardware(newFlavor, image?.properties ?? {});
  checkMinimumMemory(newFlavor, inherited?.min_ram ?? 0);
  if (image && newFlavor.root_gb > 0) checkMinimumDisk(newFlavor, inherited?.min_disk ?? 0);
}
