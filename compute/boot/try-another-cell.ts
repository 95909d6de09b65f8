/** When a cell does not take a server: it gets another cell, or is buried with the reason. */
import { abandonCell } from '../../database/api/build-requests.ts';
import type { Database } from '../../database/data-api.ts';
import { NoValidHost } from '../scheduler/no-valid-host.ts';
import type { Failure } from './failure.ts';
import { type Placement, scheduleServers } from './schedule-servers.ts';

/**
 * Turns away from the cell and schedules the server again, elsewhere. A server that the cell has after all (the answer was lost, not the commit) keeps its
 * place, and so does one that is gone: the next step finds out.
 * @throws NoValidHost when no other cell has a host for it.
 */
export async function tryAnotherCell(api: Database, placement: Placement, failure: Failure): Promise<Placement> {
  const { execution, server, cell } = placement;
  if (!(await abandonCell(api, execution, server))) return placement;
  try {
    const [other] = await scheduleServers(api, execution, [server]);
    return other ?? placement;
  } catch (error) {
    if (!(error instanceof NoValidHost)) throw error;
    throw new NoValidHost(`${error.message}\nBefore that, cell ${cell} did not take the server: ${failure.details}`, { cause: error });
  }
}
