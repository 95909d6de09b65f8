/** A change of a server that its cell makes in one statement, without asking a host. */
import type { Caller } from '../../common/caller.ts';
import { Conflict } from '../../common/errors.ts';
import { findInstanceMapping, type InstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import { findMapping, serverNotFound } from './find-server.ts';
import { inState } from './refusals.ts';
import { whileItStays } from './while-it-stays.ts';

/** Which server is changed, and by whom. */
export interface ChangeOf {
  caller: Caller;
  requestId: string;
  /** uuid of the server. */
  server: string;
}

/**
 * Makes a change in the cell of a server.
 * @param word as Nova calls the change where a server refuses it.
 * @param find reads the mapping.
 * @param change returns false or undefined when the cell does not know the server.
 * @throws NotFound when it is not there for the caller, Conflict while it has no cell, DatabaseUnreachable when its cell does not answer.
 */
export function changeInCell<Result>(
  api: Database,
  caller: Caller,
  server: string,
  word: string,
  change: (cell: Database, mapping: InstanceMapping) => Promise<Result | false | undefined>,
  find = findInstanceMapping,
): Promise<Result> {
  return whileItStays(api, server, async () => {
    const mapping = await findMapping(api, caller, server, find);
    if (mapping.buildRequest) throw new Conflict(inState(word, mapping.uuid, 'vm_state', mapping.buildRequest.vm_state));
    if (!mapping.cell) throw serverNotFound(server);
    const result = await inCell(mapping.cell.database_connection, 'changing', (cell) => change(cell, mapping));
    if (result === false || result === undefined) throw serverNotFound(server);
    return result;
  });
}
