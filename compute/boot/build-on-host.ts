/** Third step of a boot: the host starts the server, and its cell shows it ACTIVE. */
import { activateInstance, type EndedBuild, findGuest, noteBuildBegun } from '../../database/cell/instances/build.ts';
import type { Instance } from '../../database/servers/document.ts';
import { inCell } from '../cells/reach.ts';
import { BuildAborted, BuildFailure, type Destroy, type Driver, type Spawn } from '../hosts/drivers/driver.ts';
import { guestOf } from '../hosts/drivers/guest.ts';
import { defaultSettings } from '../settings.ts';
import type { CreatedInCell } from './create-in-cell.ts';

export type { EndedBuild };

/**
 * Starts the server and ends its build. A server that was deleted while it started, or has another host or owner now, is stopped again.
 * @param known the server, where the step before has it; the state of an execution holds ids only, so otherwise it is read.
 * @returns undefined when it was, and when its host has begun: then the build ends by a report.
 * @throws BuildFailure when the host cannot run it, BuildAborted when none can.
 */
export async function buildOnHost(
  driver: Driver,
  created: CreatedInCell,
  known?: Instance,
  { instance_build_timeout: timeout } = defaultSettings,
): Promise<EndedBuild | undefined> {
  const { connection, host, server, fencing_token } = created;
  if (created.reported) throw failureOf(created.reported.Cause, created.reported.Error === 'BuildAborted');
  const owned = { uuid: server, fencing_token };
  const instance = known ?? (await inCell(connection, 'changing', (database) => findGuest(database, owned, host)));
  if (!instance) return undefined;
  const answer = await driver.begin(spawnOf(created, instance));
  if (answer.result === 'failure') throw failureOf(answer.message, answer.aborted);
  if (answer.result === 'begun') {
    const begun = { host, attempt: created.attempt, alternates: created.alternates, dueAt: answer.due_at, timeout };
    await inCell(connection, 'changing', (database) => noteBuildBegun(database, owned, begun));
    return undefined;
  }
  const ended = await inCell(connection, 'changing', (database) => activateInstance(database, owned, host));
  if (!ended) await driver.begin(destroyOf(created));
  return ended;
}

function failureOf(message: string, aborted = false): BuildAborted | BuildFailure {
  return aborted ? new BuildAborted(message) : new BuildFailure(message);
}

/** @throws BuildAborted when a host that failed had begun already: then what the client gave for the inside of the guest is kept nowhere. */
function spawnOf({ server, host, connection: cell, fencing_token, ...created }: CreatedInCell, instance: Instance): Spawn {
  const { execution, alternates, attempt } = created;
  const { secrets, reservation_id: context } = instance;
  if (secrets?.required && secrets.sealed === undefined) {
    throw new BuildAborted('The host that failed had its password and files, which are not kept for another.');
  }
  const sealed = secrets?.sealed === undefined ? null : { sealed: secrets.sealed, context };
  const build = { execution, alternates, attempt };
  return { operation: 'spawn', server, host, cell, fencing_token, guest: guestOf(instance), secrets: sealed, build };
}

/**
 * Has a host that failed end what it may have left of the server. One that cannot be asked is left alone: it has not taken the server, or has said that it does
 * not run it.
 */
export async function cleanUpOnHost(driver: Driver, created: CreatedInCell): Promise<void> {
  await driver.begin(destroyOf(created)).catch(() => undefined);
}

function destroyOf({ server, host, connection: cell, fencing_token }: CreatedInCell): Destroy {
  return { operation: 'destroy', server, host, cell, fencing_token };
}
