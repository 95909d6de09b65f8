/** What was done to a server. Its cell knows; a server that has no cell has no actions yet. */
import type { Caller } from '../../common/caller.ts';
import { BadRequest, NotFound } from '../../common/errors.ts';
import { findAnyInstanceMapping, findInstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import {
  type ActionFilter,
  type InstanceAction,
  type InstanceActionEvent,
  findInstanceAction as selectInstanceAction,
  listInstanceActions as selectInstanceActions,
  type WholeInstanceAction,
} from '../../database/cell/instance-actions.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import { findMapping, serverNotFound } from '../servers/find-server.ts';

export type { ActionFilter, InstanceAction, InstanceActionEvent };

/** A server whose actions are asked for, and who asks. */
export interface ActionsOf {
  caller: Caller;
  server: string;
  /** Whether those of a deleted server are shown. */
  deleted: boolean;
}

/**
 * Returns actions of a server, newest first.
 * @throws NotFound when there is no such server for the caller, BadRequest when the marker is none of its actions.
 */
export async function listInstanceActions(api: Database, of: ActionsOf, filter: ActionFilter): Promise<InstanceAction[]> {
  const cell = await cellOf(api, of);
  const asked = filter.limit > 0 ? cell : undefined;
  const actions = asked ? await inCell(asked, 'reading', (database) => selectInstanceActions(database, of.server, filter)) : [];
  if (!actions) throw new BadRequest(`Marker ${filter.marker} could not be found.`);
  return actions;
}

/**
 * Returns the action that a request did to a server, with its events.
 * @throws NotFound when there is no such server for the caller, or no such action.
 */
export async function findInstanceAction(api: Database, of: ActionsOf, request: string): Promise<WholeInstanceAction> {
  const cell = await cellOf(api, of);
  const found = cell && (await inCell(cell, 'reading', (database) => selectInstanceAction(database, of.server, request)));
  if (!found) throw new NotFound(`Action ${request} not found`);
  return found;
}

/** Returns the URL of the cell's database, if the server has one. */
async function cellOf(api: Database, { caller, server, deleted }: ActionsOf): Promise<string | undefined> {
  const find = deleted ? findAnyInstanceMapping : findInstanceMapping;
  const { cell, queuedForDelete } = await findMapping(api, caller, server, find);
  if (!cell && queuedForDelete) throw serverNotFound(server);
  return cell?.database_connection;
}
