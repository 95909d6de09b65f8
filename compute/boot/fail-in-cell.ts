/** End of a boot whose hosts failed: the server stays in its own cell, in ERROR, without a host and without a claim. */
import { releaseAllocationsOfFailed } from '../../database/api/servers/release.ts';
import { type EndedBuild, failInstance } from '../../database/cell/instances/build.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import type { Driver } from '../hosts/drivers/driver.ts';
import { cleanUpOnHost } from './build-on-host.ts';
import type { CreatedInCell } from './create-in-cell.ts';
import type { Failure } from './failure.ts';

/**
 * Writes the fault first: until then the server is a build in progress and keeps its allocations.
 * @returns undefined when the server is gone, has another owner, or was ended another way.
 */
export async function failInCell(api: Database, driver: Driver, created: CreatedInCell, failure: Failure): Promise<EndedBuild | undefined> {
  const { server, host, fencing_token, connection } = created;
  await cleanUpOnHost(driver, created);
  const owned = { uuid: server, fencing_token };
  const fault = {
    code: 500,
    message: failure.error === 'BuildAborted' ? `Build of instance ${server} aborted: ${failure.sentence}` : failure.sentence,
    details: failure.details,
  };
  const ended = await inCell(connection, 'changing', (database) => failInstance(database, owned, host, fault));
  if (ended) await releaseAllocationsOfFailed(api, [owned]);
  return ended;
}
