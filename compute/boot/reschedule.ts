/** When a host fails to build a server: the next alternate gets the claim and then the server, until there is none. */
import { moveAllocations } from '../../database/api/hosts/allocations.ts';
import { placeInstance } from '../../database/cell/instances/build.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import { BuildAborted, type Driver } from '../hosts/drivers/driver.ts';
import { configuration } from '../scheduler/configuration.ts';
import { cleanUpOnHost } from './build-on-host.ts';
import type { CreatedInCell, CreatedInstance } from './create-in-cell.ts';
import type { Failure } from './failure.ts';
import { OwnershipLost } from './ownership-lost.ts';

const { maxAttempts } = configuration;

/** The server was tried on all hosts it may be tried on. */
export class MaxRetriesExceeded extends Error {
  override name = 'MaxRetriesExceeded';
}

/**
 * Moves the server to its next alternate. The host that failed destroys it first.
 * @throws BuildAborted when the failure was one, MaxRetriesExceeded with Nova's sentences when no alternate is left, OwnershipLost when it was deleted, or
 *   another execution has it.
 */
export async function reschedule(api: Database, driver: Driver, created: CreatedInCell, failure: Failure): Promise<CreatedInstance> {
  const { execution, fencing_token, server, host, alternates, attempt, connection } = created;
  await cleanUpOnHost(driver, created);
  if (failure.error === 'BuildAborted') throw new BuildAborted(failure.details);
  if (attempt >= maxAttempts) {
    throw exceeded(`Exceeded max scheduling attempts ${maxAttempts} for instance ${server}. Last exception: ${failure.sentence}`, failure);
  }
  const next = await moveAllocations(api, { uuid: server, fencing_token }, host, alternates);
  if (next === undefined) throw new OwnershipLost(`${server} has another owner, or no claim on ${host}`);
  if (next === null) throw exceeded(`Exhausted all hosts available for retrying build failures for instance ${server}.`, failure);
  const owner = { execution, fencing_token };
  const instance = await inCell(connection, 'changing', (database) => placeInstance(database, server, owner, next, null));
  if (!instance) throw new OwnershipLost(`${server} was deleted, or another execution has it`);
  const { reported: _, ...build } = created;
  return { created: { ...build, host: next, alternates: alternates.slice(alternates.indexOf(next) + 1), attempt: attempt + 1 }, instance };
}

function exceeded(why: string, failure: Failure): MaxRetriesExceeded {
  return new MaxRetriesExceeded(`Exceeded maximum number of retries. ${why}\n${failure.details}`);
}
