/** Registers a cell and its simulated hosts while its stack deploys, after its migrations: the running API uses it from then on. */
import * as z from 'zod';
import { registerCell } from '../../compute/deploy/register-cell.ts';
import { apiDatabase } from '../shared/database.ts';
import { setting } from '../shared/environment.ts';
import { type InvocationContext, log, observed } from '../shared/observation/invocation.ts';
import { whenReady } from './when-ready.ts';

/**
 * Registers the cell of this function's environment.
 * @throws the error of a database that did not answer for 8 minutes.
 */
export function handler(_event?: unknown, context?: InvocationContext): Promise<void> {
  return observed('register', context, async () => {
    const name = setting('CELL');
    const simulatedHosts = z.coerce.number().int().min(0).parse(setting('SIMULATED_HOSTS'));
    await whenReady(() => registerCell(apiDatabase(), { name, connection: setting('DATABASE'), simulatedHosts }));
    log().info('registered', { cell: name, simulatedHosts });
  });
}
