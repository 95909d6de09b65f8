/**
 * The usual boot at one go: one server, whose hosts and databases answer. It takes the steps of the workflow, with their statements; whatever stops it leaves
 * the server where those steps go on.
 */
import type { Database } from '../../database/data-api/client.ts';
import { DatabaseUnreachable } from '../../database/data-api/unreachable.ts';
import type { Driver } from '../hosts/drivers/driver.ts';
import { defaultSettings, type Settings } from '../settings.ts';
import { buildOnHost, type EndedBuild } from './build-on-host.ts';
import { type CreatedInCell, type CreatedInstance, createInCell } from './create-in-cell.ts';
import { failInCell } from './fail-in-cell.ts';
import { type Failure, readFailure } from './failure.ts';
import { OwnershipLost } from './ownership-lost.ts';
import { reschedule } from './reschedule.ts';
import { type FailedBuild, scheduleServers } from './schedule-servers.ts';
import { SeveralServers } from './several-servers.ts';

/** The end of a boot in its cell: ACTIVE, or in ERROR with the failure of the last host. */
export interface BootEnd {
  build: EndedBuild;
  failure: Failure | null;
}

/**
 * Boots the only server of a request: a host, its cell, the build, and the next host when that fails.
 * @returns undefined when there is nothing left to do: it was deleted, or another execution has it, or its host has begun.
 * @throws SeveralServers before anything was done, NoValidHost when nothing is claimed, anything else where the steps of the workflow go on.
 */
export async function bootOne(
  api: Database,
  driver: Driver,
  { execution, servers, failed }: { execution: string; servers: readonly string[]; failed?: FailedBuild | undefined },
  settings = defaultSettings,
): Promise<BootEnd | undefined> {
  if (servers.length !== 1) throw new SeveralServers(`${servers.length} servers are placed together`);
  try {
    const [placement] = await scheduleServers(api, execution, servers);
    return placement && (await build(api, driver, settings, await createInCell(api, { ...placement, failed })));
  } catch (error) {
    if (error instanceof OwnershipLost) return undefined;
    throw error;
  }
}

async function build(
  api: Database,
  driver: Driver,
  settings: Settings,
  { created, instance }: CreatedInstance,
): Promise<BootEnd | undefined> {
  try {
    const build = await buildOnHost(driver, created, instance, settings);
    return build && { build, failure: null };
  } catch (error) {
    const next = await nextHost(api, driver, created, failureOf(error));
    return 'failure' in next ? failed(api, driver, created, next.failure) : build(api, driver, settings, next);
  }
}

async function nextHost(api: Database, driver: Driver, created: CreatedInCell, failure: Failure) {
  try {
    return await reschedule(api, driver, created, failure);
  } catch (error) {
    if (error instanceof OwnershipLost) throw error;
    return { failure: failureOf(error) };
  }
}

async function failed(api: Database, driver: Driver, created: CreatedInCell, failure: Failure): Promise<BootEnd | undefined> {
  const build = await failInCell(api, driver, created, failure);
  return build && { build, failure };
}

/** Returns the failure as the workflow would hand it to the next step; a database that does not answer is no failure of the host. */
function failureOf(error: unknown): Failure {
  if (!(error instanceof Error) || error instanceof DatabaseUnreachable) throw error;
  return readFailure({ Error: error.name, Cause: error.message });
}
