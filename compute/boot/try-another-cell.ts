/** When a cell does not take a server: it gets another cell, or is buried with the reason. */
import { releaseTargetCell } from '../../database/api/servers/build-requests.ts';
import type { Database } from '../../database/data-api/client.ts';
import { isRefusal } from '../../database/data-api/unreachable.ts';
import { NoValidHost } from '../scheduler/no-valid-host.ts';
import type { Failure } from './failure.ts';
import { OwnershipLost } from './ownership-lost.ts';
import { type Placement, scheduleServers } from './schedule-servers.ts';

/** Several cells refused the server: it is not for them that it has no cell. */
export class ServerRefused extends Error {
  override name = 'ServerRefused';
}

/** Many cells did not take the server: what is down is waited for, and the reaper goes on. */
export class CellsExhausted extends Error {
  override name = 'CellsExhausted';
}

/** In one execution, whose events are limited; those that are left have their turn in the next. */
export const mostCells = 4;

/** Cells have one schema, so what two of them refuse all will; asking each would wake them all, and some again before the last was asked. */
const mostRefusals = 2;

/**
 * Releases the target cell and schedules the server again, elsewhere.
 * @throws ServerRefused when several cells refused it, CellsExhausted when many did not take it, NoValidHost when no other cell has a host for it,
 *   OwnershipLost when the server is not waiting any more: it was deleted, or the cell has it after all (the answer was lost, not the commit) and fell
 *   silent then, so the reaper goes on when it is back.
 */
export async function tryAnotherCell(api: Database, placement: Placement, failure: Failure): Promise<Placement> {
  const { execution, server, cell } = placement;
  const failures = placement.failures + 1;
  const refusals = placement.refusals + (isRefusal({ name: failure.error, message: failure.details }) ? 1 : 0);
  if (!(await releaseTargetCell(api, execution, server))) throw new OwnershipLost(`${server} does not wait for a cell any more`);
  if (refusals === mostRefusals)
    throw new ServerRefused(`${mostRefusals} cells refused the server, the last one ${cell}: ${failure.details}`);
  if (failures === mostCells)
    throw new CellsExhausted(`${mostCells} cells did not take the server, the last one ${cell}: ${failure.details}`);
  try {
    const [other] = await scheduleServers(api, execution, [server]);
    if (other) return { ...other, failures, refusals };
  } catch (error) {
    if (!(error instanceof NoValidHost)) throw error;
    throw new NoValidHost(`${error.message}\nBefore that, cell ${cell} did not take the server: ${failure.details}`, { cause: error });
  }
  throw new OwnershipLost(`${server} was deleted, or another execution has it`);
}
