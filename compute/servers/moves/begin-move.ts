/** A move, from its request to what hosts do at once. What a client may not ask is refused when the server's own states have had their say, as in Nova. */
import { randomUUID } from 'node:crypto';
import { BadRequest } from '../../../common/errors.ts';
import { findInstanceMappingToChange, type InstanceMapping } from '../../../database/api/servers/instance-mappings.ts';
import { type MigrateChoices, migrateChoices, type ResizeChoices, resizeChoices } from '../../../database/api/servers/move-choices.ts';
import { beginMove } from '../../../database/cell/moves.ts';
import { DatabaseUnreachable } from '../../../database/data-api/unreachable.ts';
import type { Move } from '../../../database/servers/move.ts';
import { defaultLimits, growthExceeded } from '../../quotas/instance-quota.ts';
import type { ChangeOf } from '../change-in-cell.ts';
import { checkState } from '../check-state.ts';
import { readInstance, serverNotFound } from '../find-server.ts';
import { checkHardware } from '../hardware.ts';
import { acceptTask, findMappingFor } from '../tasks/accept-task.ts';
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
  await refuse(request, serverMoves.resize, mapping, () => checkResize(request.flavorId, mapping));
  const { newFlavor } = mapping;
  if (!newFlavor) throw new Error('a resize without a flavor was refused');
  const { id, flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, extra_specs } = newFlavor;
  const flavor = { id, flavorid, name, memory_mb, vcpus, root_gb, ephemeral_gb, swap, extra_specs };
  const auto_disk_config = request.autoDiskConfig ?? false;
  return begin(tasks, request, serverMoves.resize, mapping, { ...unclaimed, migration: randomUUID(), flavor, auto_disk_config });
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
  await refuse(request, serverMoves.migrate, mapping, () => {
    if (host === null) return;
    if (mapping.sameHost) throw new BadRequest('Cannot migrate to the host where the server exists.');
    if (!mapping.hostExists) throw new BadRequest(`Compute host ${host} could not be found.`);
  });
  return begin(tasks, request, serverMoves.migrate, mapping, { ...unclaimed, migration: randomUUID(), requested_host: host });
}

/**
 * Begins the end of a resize or a migration: its confirmation or its return.
 * @throws NotFound, Conflict as every action; BadRequest when that has begun already.
 */
export async function endResize(tasks: Tasks, request: ChangeOf, kind: 'confirmResize' | 'revertResize'): Promise<BegunMove> {
  const mapping = await findMappingFor(tasks.api, request, serverMoves[kind], findInstanceMappingToChange);
  return begin(tasks, request, serverMoves[kind], mapping, { ...unclaimed, migration: null });
}

async function begin(
  tasks: Tasks,
  request: ChangeOf,
  kind: ServerMove,
  mapping: Parameters<typeof acceptTask>[0],
  move: Move,
): Promise<BegunMove> {
  const answer = await acceptTask(mapping, request, kind, {}, (database, task, precondition) =>
    beginMove(database, task, precondition, move),
  );
  if ('refused' in answer) throw answer.refused.conflict;
  const { task, server, cell } = answer.accepted;
  try {
    await moveServer(tasks, { ...task, server, cell });
    return {};
  } catch (error) {
    return { error };
  }
}

/** Throws what a check throws, unless the server refuses by its lock or its states first. */
async function refuse(
  { caller }: ChangeOf,
  { word, vmStates }: ServerMove,
  { uuid, cell }: InstanceMapping,
  check: () => void,
): Promise<void> {
  try {
    check();
  } catch (error) {
    const instance = cell && (await readInstance(cell, uuid));
    if (instance === null) throw new DatabaseUnreachable(`The cell of instance ${uuid} does not answer.`);
    if (instance === undefined) throw serverNotFound(uuid);
    checkState(caller, instance, word, vmStates);
    throw error;
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
  if ((inherited?.min_ram ?? 0) > newFlavor.memory_mb) throw new BadRequest("Flavor's memory is too small for requested image.");
  const least = (inherited?.min_disk ?? 0) * 2 ** 30;
  const disk = newFlavor.root_gb * 2 ** 30;
  if (image && newFlavor.root_gb > 0 && least > disk) {
    throw new BadRequest(
      `Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is ${disk} bytes, minimum size is ${least} bytes.`,
    );
  }
}
