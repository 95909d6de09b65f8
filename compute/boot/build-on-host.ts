/** Third step of a boot: the host starts the server, and its cell shows it ACTIVE. */
import { activateInstance } from '../../database/cell/instances.ts';
import { parseDatabaseUrl } from '../../database/data-api.ts';
import type { Driver } from '../drivers/driver.ts';
import type { CreatedInCell } from './create-in-cell.ts';

/**
 * Starts the server and ends its build. A server that was deleted while it started is stopped again.
 * @throws BuildFailure when the host cannot run it.
 */
export async function buildOnHost(driver: Driver, created: CreatedInCell): Promise<void> {
  await driver.spawn(created);
  const active = await activateInstance(parseDatabaseUrl(created.connection), created.server);
  if (!active) await driver.destroy(created.host, created.server);
}
