/** A server by its id: the index says in one call where it is, its cell says in the next what it is. */

import type { Caller } from '../../common/caller.ts';
import { NotFound } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import { isUuid } from '../../common/uuid.ts';
import { findInstanceMapping, type InstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { findInstances } from '../../database/cell/instances/find.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Instance } from '../../database/servers/document.ts';
import { type CellAddress, inCells } from '../cells/reach.ts';

export type { Instance, InstanceMapping };

/** A server with what the index knows of it. `instance` is null when its cell does not answer. */
export interface Server {
  mapping: InstanceMapping;
  instance: Instance | null;
}

/** A server whose cell answered. */
export interface WholeServer extends Server {
  instance: Instance;
}

/** Nova's sentence for a server that is not there, or not for the caller. */
export function serverNotFound(uuid: string): NotFound {
  return new NotFound(`Instance ${uuid} could not be found.`);
}

/**
 * Returns the mapping of a server that the caller may see: his project's, or any for an admin.
 * @param find how it is read.
 * @throws NotFound when there is none.
 */
export async function findMapping<Mapping extends InstanceMapping>(
  api: Database,
  caller: Caller,
  uuid: string,
  find: (api: Database, uuid: string, projectId: string | null) => Promise<Mapping | undefined>,
): Promise<Mapping> {
  const seesAll = allows(caller, 'os_compute_api:servers:detail:get_all_tenants');
  const mapping = isUuid(uuid) ? await find(api, uuid, seesAll ? null : caller.projectId) : undefined;
  if (!mapping) throw serverNotFound(uuid);
  return mapping;
}

/**
 * Returns a server.
 * @throws NotFound when it does not exist, is deleted, or belongs to another project.
 */
export async function findServer(api: Database, caller: Caller, uuid: string): Promise<Server> {
  const mapping = await findMapping(api, caller, uuid, findInstanceMapping);
  if (mapping.buildRequest) return { mapping, instance: mapping.buildRequest };
  if (!mapping.cell) throw serverNotFound(uuid);
  const instance = await readInstance(mapping.cell, mapping.uuid);
  if (instance === undefined) throw serverNotFound(uuid);
  return { mapping, instance };
}

/** Returns a living server as its cell has it: undefined when that has none, null when it does not answer. */
export async function readInstance(cell: CellAddress, uuid: string): Promise<Instance | null | undefined> {
  const { results, faults } = await inCells([cell], 'reading', (_, database) => findInstances(database, [uuid]));
  if (faults.length > 0) throw faults[0];
  const [answer] = results;
  return answer ? answer.result.get(uuid) : null;
}
