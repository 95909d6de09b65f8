/** When a host fails to build a server: the next alternate gets the claim and then the server, until there is none. */
import { moveClaim } from '../../database/api/placement.ts';
import { placeInstance } from '../../database/cell/instances.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api.ts';
import { BuildAborted, type Driver } from '../drivers/driver.ts';
import type { CreatedInCell } from './create-in-cell.ts';
import type { Failure } from './failure.ts';
import { ServerGone } from './server-gone.ts';

/** Nova's `[scheduler]max_attempts`: the first host and two alternates. */
export const maxAttempts = 3;

/** The server was tried on all hosts it may be tried on. */
export class MaxRetriesExceeded extends Error {
  override name = 'MaxRetriesExceeded';
}

/**
 * Moves the server to its next alternate. The host that failed is told to forget it first.
 * @throws BuildAborted when the failure was one, MaxRetriesExceeded with Nova's sentences when no alternate is left, ServerGone when its claim is not on its host any more.
 */
export async function reschedule(api: Database, driver: Driver, created: CreatedInCell, failure: Failure): Promise<CreatedInCell> {
  const { server, host, alternates, attempt, connection } = created;
  await driver.destroy(host, server);
  if (failure.error === 'BuildAborted') throw new BuildAborted(failure.details);
  if (attempt >= maxAttempts) {
    throw exceeded(`Exceeded max scheduling attempts ${maxAttempts} for instance ${server}. Last exception: ${failure.sentence}`, failure);
  }
  const next = await moveClaim(api, server, host, alternates);
  if (next === undefined) throw new ServerGone(`${server} has no claim on ${host}`);
  if (next === null) throw exceeded(`Exhausted all hosts available for retrying build failures for instance ${server}.`, failure);
  await placeInstance(parseDatabaseUrl(connection), server, next, null);
  return { ...created, host: next, alternates: alternates.slice(alternates.indexOf(next) + 1), attempt: attempt + 1 };
}

function exceeded(why: string, failure: Failure): MaxRetriesExceeded {
  return new MaxRetriesExceeded(`Exceeded maximum number of retries. ${why}\n${failure.details}`);
}
