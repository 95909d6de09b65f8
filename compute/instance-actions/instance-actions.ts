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
  const { cell } = await placeOf(api, of);
  const asked = filter.limit > 0 ? cell : undefined;
  const actions = asked ? await inCell(asked, 'reading', (database) => selectInstanceActions(database, of.server, filter)) : [];
  if (!actions) throw new BadRequest(`Marker ${filter.marker} could not be found.`);
  return actions;
}

/** An action, its events, and the project of its server. */
export interface FoundInstanceAction extends WholeInstanceAction {
  projectId: string;
}

/**
 * Returns the action that a request did to a server, with its events.
 * @throws NotFound when there is no such server for the caller, or no such action.
 */
export async function findInstanceAction(api: Database, of: ActionsOf, request: string): Promise<FoundInstanceAction> {
  const { cell, projectId } = await placeOf(api, of);
  const found = cell && (await inCell(cell, 'reading', (database) => selectInstanceAction(database, of.server, request)));
  if (!found) throw new NotFound(`Action ${request} not found`);
  return { ...found, projectId };
}

/** Returns the project of the server, and the URL of its cell's database, if it has one. */
async function placeOf(api: Database, { caller, server, deleted }: ActionsOf): Promise<{ projectId: string; cell: string | undefined }> {
  const find = deleted ? findAnyInstanceMapping : findInstanceMapping;
  const { projectId, cell, queuedForDelete } = await findMapping(api, caller, server, find);
  if (!cell && queuedForDelete) throw serverNotFound(server);
  return { projectId, cell: cell?.database_connection };
}
