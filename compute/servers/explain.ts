/** Everything that the databases hold of one server, for an operator who wants to know what became of it: of deleted ones too, with their faults in full. */
import { findServerEntry, type ServerEntry } from '../../database/api/audit/servers.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { latestInstanceActions, type WholeInstanceAction } from '../../database/cell/instance-actions.ts';
import { findInstances } from '../../database/cell/instances/find.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Instance } from '../../database/servers/document.ts';
import { defaultPatience, openCells } from '../audit/audit.ts';
import type { Finding } from '../audit/findings.ts';
import { isAtRest } from '../audit/pending.ts';
import { recheck } from '../audit/recheck.ts';
import type { CellDatabase } from '../audit/scan.ts';
import { statusOf } from './status.ts';

/** What a server's own cell holds of it; no user data, password or key. */
export interface ServerState {
  name: string | null;
  status: string;
  vm_state: Instance['vm_state'];
  task_state: Instance['task_state'];
  /** What is being done to it. */
  task: Instance['task'];
  host: string | null;
  /** null when this part of the server is missing. */
  flavor: string | null;
  image: string | null;
  reservation_id: string;
  created_at: string;
  launched_at: string | null;
  terminated_at: string | null;
  fault: Instance['fault'];
}

/** What became of a server. */
export interface Explanation {
  server: string;
  entry: Omit<ServerEntry, 'cell'> & { cell: { uuid: string; name: string } | null };
  /** null when its cell does not answer or has no such server. */
  state: ServerState | null;
  /** Newest first. */
  actions: WholeInstanceAction[];
  /** The findings of an audit of it; on a busy cloud they may pass by themselves. */
  findings: Finding[];
  unreadable: { cell: string; reason: string }[];
}

/** Returns what became of a server; undefined when the index does not have it. */
export async function explain(api: Database, uuid: string): Promise<Explanation | undefined> {
  const [entry, mappings] = await Promise.all([findServerEntry(api, uuid), listCellMappings(api)]);
  if (!entry) return undefined;
  const unreadable = new Map<string, string>();
  const concerned = new Set([entry.cell?.name, entry.buildRequest?.targetCell, ...entry.pendingCleanups]);
  const asked = mappings.filter(({ name }) => concerned.has(name));
  const cells = openCells(asked, unreadable);
  const names = new Map(mappings.map(({ uuid, name }) => [uuid, name]));
  const findings = await recheck(api, cells, [uuid], { cells: names, unreadable, patience: defaultPatience });
  const { instance, actions } = await readCell(entry, uuid, cells);
  const { cell, allocations, ...rest } = entry;
  const held = { cell: cell?.name ?? null, hosts: allocations.map(({ host }) => host) };
  const row = instance && { ...instance, deleted: instance.deleted !== 0 };
  return {
    server: uuid,
    entry: {
      ...rest,
      allocations,
      pendingCleanups: entry.pendingCleanups.filter((name) => !isAtRest(held, name, row)),
      cell: cell && { uuid: cell.uuid, name: cell.name },
    },
    state: instance ? stateOf(instance) : null,
    actions,
    findings,
    unreadable: [...unreadable].map(([cell, reason]) => ({ cell: names.get(cell) ?? cell, reason })),
  };
}

async function readCell({ cell }: ServerEntry, uuid: string, cells: readonly CellDatabase[]) {
  const home = cells.find((one) => one.uuid === cell?.uuid);
  if (!home) return { instance: undefined, actions: [] };
  const [instances, actions] = await Promise.all([
    home.attempt(async (database) => [...(await findInstances(database, [uuid], 'all')).values()]),
    home.attempt((database) => latestInstanceActions(database, uuid)),
  ]);
  const [instance] = instances;
  return { instance, actions };
}

function stateOf(instance: Instance): ServerState {
  const { vm_state, task_state, task, host, image_ref, reservation_id, created_at, launched_at, terminated_at, fault } = instance;
  return {
    name: instance.display_name,
    status: statusOf(instance),
    vm_state,
    task_state,
    task: task && { ...task, arguments: {} },
    host,
    flavor: instance.flavor.name || null,
    image: image_ref || null,
    reservation_id,
    created_at,
    launched_at,
    terminated_at,
    fault,
  };
}
