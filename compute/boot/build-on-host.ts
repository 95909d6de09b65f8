/** Third step of a boot: the host starts the server, and its cell shows it ACTIVE. */
import { activateInstance, type EndedBuild } from '../../database/cell/instances/build.ts';
import { inCell } from '../cells/reach.ts';
import type { Driver } from '../hosts/drivers/driver.ts';
import type { CreatedInCell } from './create-in-cell.ts';

export type { EndedBuild };

/**
 * Starts the server and ends its build. A server that was deleted while it started, or has another host or owner now, is stopped again.
 * @returns undefined when it was.
 * @throws BuildFailure when the host cannot run it, BuildAborted when none can.
 */
export async function buildOnHost(driver: Driver, created: CreatedInCell): Promise<EndedBuild | undefined> {
  const { connection, host, server, fencing_token } = created;
  await driver.spawn(created);
  const owned = { uuid: server, fencing_token };
  const ended = await inCell(connection, 'changing', (database) => activateInstance(database, owned, host));
  if (!ended) await driver.destroy(host, server, fencing_token);
  return ended;
}
