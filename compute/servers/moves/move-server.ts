/**
 * A move, from wherever it stands to its end or to a host that has begun and reports later. Every statement names the task, so it may run again after any of
 * them, and twice at once: after a report, and by the reaper.
 */

import { type KeptFlavor, settleMove } from '../../../database/api/servers/migration-consumers.ts';
import { releaseAllocationsOfDeleted } from '../../../database/api/servers/release.ts';
import { beginMigration, endMove, enterStep, findMove, type MoveEnd, type ServerInMove } from '../../../database/cell/moves.ts';
import { noteBegun } from '../../../database/cell/tasks.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { storableText } from '../../../database/data-api/storable-text.ts';
import type { InstanceFlavor } from '../../../database/servers/document.ts';
import type { Move, MoveOutcome, OpenMigration } from '../../../database/servers/move.ts';
import type { TaskName } from '../../../database/servers/task.ts';
import { inCell } from '../../cells/reach.ts';
import { NoValidHost } from '../../scheduler/no-valid-host.ts';
import { overriddenResources } from '../../scheduler/requested-resources.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { CannotMove, claimDestination, flavorOf } from './claim-destination.ts';
import { moveOf, type ServerMove } from './moves.ts';

/** A move by its task, and the URL of the database of its cell. */
export interface MoveTask extends Omit<TaskName, 'attempt'> {
  cell: string;
}

/**
 * Moves a server on.
 * @returns when its task is due, if a host has begun; null when it has ended, or another took its place.
 * @throws what the driver throws when a host cannot be asked, DatabaseUnreachable when a database does not answer; then the task is still to be moved on.
 */
export async function moveServer(tasks: Tasks, { cell, ...task }: MoveTask): Promise<string | null> {
  const kind = moveOf(task.action);
  const found = kind && (await inCell(cell, 'changing', (database) => findMove(database, task)));
  const move = found?.task.move;
  if (!found || !move) return null;
  if (found.task.due_at !== null) return found.task.due_at;
  const name = { ...task, attempt: found.task.attempt };
  const migration = found.migration ?? (await begin(tasks, cell, kind, name, found, move));
  return migration && goOn(tasks, cell, kind, name, found, migration, move.step);
}

/** Claims a host and records the migration; returns null when there is none, and the move has ended. */
async function begin(
  { api, settings }: Tasks,
  cell: string,
  kind: ServerMove,
  name: TaskName,
  found: ServerInMove,
  move: Move,
): Promise<OpenMigration | null> {
  const { migration: uuid } = move;
  const [first] = kind.steps;
  const fail = async (failure: string) => {
    await end(api, cell, name, { ...asItWas, failure });
    return null;
  };
  if (kind.type === null || uuid === null || !first) return fail('The server has no migration.');
  try {
    const destination = await claimDestination(api, found, uuid, move, settings.allow_resize_to_same_host);
    if (!destination) return fail('The server has another owner.');
    const newFlavor = move.flavor ?? found.flavor;
    const migration = { uuid, type: kind.type, status: first.status, taskState: first.taskState, destination, newFlavor };
    if (await inCell(cell, 'changing', (database) => beginMigration(database, name, migration))) {
      return { uuid, source_compute: found.host, dest_compute: destination.host, old_flavor: found.flavor, new_flavor: newFlavor };
    }
    await settleMove(api, name.server, uuid, null);
    await releaseAllocationsOfDeleted(api, [name.server]);
    return null;
  } catch (error) {
    if (!(error instanceof NoValidHost || error instanceof CannotMove)) throw error;
    return fail(error.message);
  }
}

/** A move that fails before its first step leaves the server as it was. */
const asItWas = { vmState: null, status: 'error', on: 'source', outcome: 'reverted', launched: false } as const;

/** Asks the hosts of the steps that are left. */
async function goOn(
  { api, driver }: Tasks,
  cell: string,
  kind: ServerMove,
  name: TaskName,
  { uuid: server, fencing_token }: ServerInMove,
  { source_compute: source, dest_compute: destination, ...migration }: OpenMigration,
  done: number,
): Promise<string | null> {
  for (const [step, { operation, on, taskState, status, time }] of kind.steps.entries()) {
    if (step < done) continue;
    // The first step of a move that claims a host began with the migration.
    const entered = step === 0 && kind.type !== null;
    if (!entered && !(await inCell(cell, 'changing', (database) => enterStep(database, name, { step, taskState, status })))) return null;
    const { server: _, ...task } = name;
    const move = { source, destination, old_flavor: flavorOf(migration.old_flavor), new_flavor: flavorOf(migration.new_flavor) };
    const host = on === 'source' ? source : destination;
    const answer = await driver.begin({
      operation,
      server,
      host,
      cell,
      fencing_token,
      time,
      task,
      arguments: {},
      guest: null,
      secrets: null,
      move,
    });
    if (answer.result === 'begun') {
      const { due_at } = answer;
      return (await inCell(cell, 'changing', (database) => noteBegun(database, name, due_at))) ? due_at : null;
    }
    if (answer.result === 'failure') {
      await end(api, cell, name, { ...kind.failed(step), failure: answer.message });
      return null;
    }
  }
  await end(api, cell, name, { ...kind.end, failure: null });
  return null;
}

/**
 * Ends a move, as failed, whose host was not asked or did not report.
 * @param name the task with its attempt: one that is further, or has ended, is left alone.
 */
export async function giveUpMove({ api }: Tasks, cell: string, name: TaskName, why: string): Promise<void> {
  const kind = moveOf(name.action);
  const found = kind && (await inCell(cell, 'tending', (database) => findMove(database, name)));
  const move = found?.task.move;
  if (kind && move) await end(api, cell, name, { ...(found.migration ? kind.failed(move.step) : asItWas), failure: why });
}

/** Ends a move in its cell, then in the api database; the reaper does the latter when it is not done. */
async function end(api: Database, cell: string, name: TaskName, { failure, ...left }: MoveEnd): Promise<void> {
  // What a host says must not keep its task from its end.
  const storable = { ...left, failure: failure === null ? null : storableText(failure) };
  const ended = await inCell(cell, 'changing', (database) => endMove(database, name, storable));
  const { migration, outcome, flavor } = ended ?? { migration: null, outcome: null, flavor: null };
  if (migration !== null && outcome !== null && flavor) await settleMove(api, name.server, migration, keptFlavor(outcome, flavor));
}

/** Returns what a server keeps of a move by its outcome: the flavor that it has now, or null when it gets back what it had. */
export function keptFlavor(outcome: MoveOutcome | null, flavor: InstanceFlavor): KeptFlavor | null {
  return outcome === 'kept' ? { flavor, resources: overriddenResources(flavor.extra_specs) } : null;
}

/** What a host reports of a move: by the name of its task, and of the step. */
export interface MoveReport extends MoveTask {
  attempt: number;
  operation: string;
}

/**
 * Applies a report of a host to the step that it names: the move goes on, or ends. A report of another step, another attempt or another task changes nothing.
 * @throws what moveServer throws.
 */
export async function applyMoveReport(tasks: Tasks, { cell, operation, ...name }: MoveReport, failure: string | null): Promise<void> {
  const kind = moveOf(name.action);
  const step = kind?.steps.findIndex((one) => one.operation === operation) ?? -1;
  if (!kind || step < 0) return;
  const found = await inCell(cell, 'changing', (database) => findMove(database, name));
  const { task, migration } = found ?? {};
  if (!found || !migration || task?.move?.step !== step || task.attempt !== name.attempt) return;
  if (failure !== null) return end(tasks.api, cell, name, { ...kind.failed(step), failure });
  await goOn(tasks, cell, kind, name, found, migration, step + 1);
}
