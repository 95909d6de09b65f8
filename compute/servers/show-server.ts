/** A server by its id, as it is shown: where it was read before, its cell alone is asked. */
import type { Caller } from '../../common/caller.ts';
import { allows } from '../../common/policy.ts';
import { findInstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import type { Database } from '../../database/data-api/client.ts';
import { findMapping, findServer, readInstance, type Server } from './find-server.ts';
import { type KnownCell, knownCell, rememberCell } from './known-cells.ts';

/** A server of which the cell says all that is shown. */
export interface ServerOfCell {
  mapping: { uuid: string; groups: string[]; spec: Pick<RequestSpec, 'availability_zone' | 'scheduler_hints'> };
  instance: NonNullable<Server['instance']>;
}

/**
 * Returns a server as findServer does, from its cell alone where that is known and says enough.
 * @param withGroups whether its groups are shown: one that has joined a group costs a second call then, because the group may have been deleted since.
 * @throws NotFound when it does not exist, is deleted, or belongs to another project.
 */
export async function showServer(api: Database, caller: Caller, uuid: string, withGroups: boolean): Promise<Server | ServerOfCell> {
  const known = knownCell(uuid);
  const seen = known && (known.projectId === caller.projectId || allows(caller, 'os_compute_api:servers:detail:get_all_tenants'));
  return seen ? await showFrom(known, api, caller, uuid, withGroups) : await showFromIndex(api, caller, uuid);
}

async function showFrom(
  { cell }: KnownCell,
  api: Database,
  caller: Caller,
  uuid: string,
  withGroups: boolean,
): Promise<Server | ServerOfCell> {
  const instance = await readInstance(cell, uuid);
  const spec = instance?.request_spec;
  if (instance && spec && (spec.group === null || !withGroups)) return { mapping: { uuid, groups: [], spec }, instance };
  rememberCell(uuid, undefined);
  if (instance === undefined) return await showFromIndex(api, caller, uuid);
  const mapping = await findMapping(api, caller, uuid, findInstanceMapping);
  if (mapping.cell?.database_connection !== cell.database_connection) return await showFromIndex(api, caller, uuid);
  rememberCell(uuid, mapping);
  return { mapping, instance };
}

async function showFromIndex(api: Database, caller: Caller, uuid: string): Promise<Server> {
  const server = await findServer(api, caller, uuid);
  rememberCell(server.mapping.uuid, server.mapping);
  return server;
}
