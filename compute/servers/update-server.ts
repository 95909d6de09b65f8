/** What a client changes of a server itself: its name and the like. Nothing stands against it, neither a lock nor a state, and no host has a part in it. */
import type { Caller } from '../../common/caller.ts';
import { updateBuildRequest } from '../../database/api/servers/build-requests.ts';
import { findInstanceMapping, type InstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { updateInstance } from '../../database/cell/instances/update.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { InstanceChanges } from '../../database/servers/document.ts';
import { inCell } from '../cells/reach.ts';
import { findMapping, serverNotFound, type WholeServer } from './find-server.ts';
import { whileItStays } from './while-it-stays.ts';

export type { InstanceChanges };

/**
 * Changes a server, wherever it is, and returns it.
 * @throws NotFound when it is not there for the caller, DatabaseUnreachable when its cell does not answer.
 */
export function updateServer(api: Database, caller: Caller, uuid: string, changes: InstanceChanges): Promise<WholeServer> {
  return whileItStays(api, uuid, async () => {
    let mapping: InstanceMapping | undefined = await findMapping(api, caller, uuid, findInstanceMapping);
    while (mapping?.buildRequest) {
      const instance = await updateBuildRequest(api, mapping.uuid, changes);
      if (instance) return { mapping, instance };
      // A cell has it now, or it is deleted.
      mapping = await findInstanceMapping(api, mapping.uuid, null);
    }
    if (!mapping) throw serverNotFound(uuid);
    return await updateInItsCell(mapping, changes);
  });
}

async function updateInItsCell(mapping: InstanceMapping, changes: InstanceChanges): Promise<WholeServer> {
  const { uuid, cell } = mapping;
  const instance = cell && (await inCell(cell.database_connection, 'changing', (database) => updateInstance(database, uuid, changes)));
  if (!instance) throw serverNotFound(uuid);
  return { mapping, instance };
}
