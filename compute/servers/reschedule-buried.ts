/**
 * A second chance for buried servers: those that are chosen leave cell0 and go through the ordinary boot again. The row of each is closed and read, then one
 * statement in the api database makes it a build request again and frees its mapping. So at every moment it stands in one place, and is shown as it is there:
 * the row in cell0 is nobody's from then on, until a second burial takes it again or the next home is committed, and it is removed.
 */
import {
  type IndexedServer,
  listServersToReschedule,
  type ReturningServer,
  rescheduleServers,
  type Standing,
} from '../../database/api/servers/second-chances.ts';
import {
  type BuriedSummary,
  type ClosedInstance,
  closeInstances,
  readClosed,
  summarizeBuried,
} from '../../database/cell/instances/buried.ts';
import { batches } from '../../database/data-api/batches.ts';
import type { Database } from '../../database/data-api/client.ts';
import { initialValues } from '../../database/servers/columns.ts';
import type { FencedServer } from '../../database/servers/ownership.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell } from '../cells/reach.ts';
import { findCell0 } from './buried.ts';

/** Which buried servers; all conditions hold. */
export interface Choice {
  /** uuids; null for any. */
  servers: readonly string[] | null;
  project: string | null;
  /** First cause of the burial, or the sentence of the fault where the burial noted none. */
  cause: string | null;
}

/** What became of a server that was chosen. */
export interface Rescheduled {
  server: string;
  name: string | null;
  project: string | null;
  cause: string | null;
  /** `buried` is what a dry run would send, and `changed` what somebody changed or deleted meanwhile; the others than `sent` stay where they are. */
  outcome: 'sent' | 'changed' | 'not found' | Standing;
}

/** How to send them. */
export interface RescheduleOptions {
  /** Only say what would be sent. */
  dryRun: boolean;
  /** Called before the first one is sent: what throws there leaves all where they are. */
  before(): Promise<void>;
  /** Called with what became of some. */
  progress(some: readonly Rescheduled[]): void;
}

/** Servers of one statement. */
const page = 100;

/**
 * Sends buried servers through another boot.
 * @returns those that were chosen and living, and of named ones the others too; nothing is started yet.
 * @throws DatabaseUnreachable when the api database or cell0 does not answer, Error when no cell0 is registered.
 */
export async function rescheduleBuried(api: Database, choice: Choice, options: RescheduleOptions): Promise<Rescheduled[]> {
  const connection = await findCell0(api);
  const all: Rescheduled[] = [];
  const report = (some: readonly Rescheduled[]) => {
    all.push(...some);
    options.progress(some);
  };
  for (let after = 0; ; ) {
    const found = await listServersToReschedule(api, cell0, { ...choice, after, limit: page });
    const { chosen, others } = await choose(connection, found, choice);
    report(others);
    if (options.dryRun || chosen.length === 0) report(chosen);
    else {
      if (!all.some(({ outcome }) => outcome === 'sent')) await options.before();
      report(await send(api, connection, found, chosen));
    }
    const last = found.at(-1);
    if (found.length < page || !last) break;
    after = last.id;
  }
  const known = new Set(all.map(({ server }) => server));
  const missing = (choice.servers ?? []).filter((server) => !known.has(server));
  report(missing.map((server) => ({ server, name: null, project: null, cause: null, outcome: 'not found' })));
  return all;
}

/** Returns those that may be sent, and what there is to say of the others. */
async function choose(connection: string, found: readonly IndexedServer[], { servers, cause }: Choice) {
  const inCell0 = found.filter(({ standing }) => standing === 'buried').map(({ uuid }) => uuid);
  const said = inCell0.length > 0 ? await inCell(connection, 'tending', (database) => summarizeBuried(database, inCell0)) : [];
  const summaries = new Map<string, BuriedSummary>(said.map((summary) => [summary.uuid, summary]));
  const rows = found.map(({ uuid, project, standing }): Rescheduled => {
    const summary = summaries.get(uuid);
    const outcome = standing === 'buried' && !summary ? 'deleted' : standing;
    return { server: uuid, name: summary?.name ?? null, project, cause: summary?.cause ?? null, outcome };
  });
  const matching = rows.filter((row) => cause === null || row.cause === cause);
  return {
    chosen: matching.filter(({ outcome }) => outcome === 'buried'),
    others: matching.filter(({ outcome }) => outcome !== 'buried' && (servers !== null || outcome !== 'deleted')),
  };
}

async function send(api: Database, connection: string, found: readonly IndexedServer[], chosen: readonly Rescheduled[]) {
  const wanted = new Set(chosen.map(({ server }) => server));
  const servers = found.filter(({ uuid }) => wanted.has(uuid)).map(({ uuid, fencing_token }) => ({ uuid, fencing_token }));
  const closed = await inCell(connection, 'tending', async (database) => {
    await closeInstances(database, servers);
    return await readClosed(database, servers);
  });
  const returning = servers.flatMap((server) => {
    const instance = closed.get(server.uuid);
    return instance ? [returningServer(server, instance)] : [];
  });
  const sent = new Set<string>();
  for (const batch of batches(returning)) for (const uuid of await rescheduleServers(api, cell0, batch)) sent.add(uuid);
  return chosen.map((row): Rescheduled => ({ ...row, outcome: sent.has(row.server) ? 'sent' : 'changed' }));
}

/** What a build request has of the columns that are the same in every server when it is accepted: a client or the image may have set them. */
const kept = ['locked', 'locked_by', 'root_device_name', 'kernel_id', 'ramdisk_id'];
const left = [
  ...Object.keys(initialValues).filter((column) => !kept.includes(column)),
  'id',
  'execution',
  'fencing_token',
  'closed_to',
  'host_status',
];

function returningServer(server: FencedServer, { instance, actions }: ClosedInstance): ReturningServer {
  const { block_device_mappings, tags, request_spec: _, ...rest } = instance;
  const { first_cause: __, ...system_metadata } = instance.system_metadata;
  const given = Object.fromEntries(Object.entries(rest).filter(([column]) => !left.includes(column))) as ReturningServer['instance'];
  return {
    ...server,
    request_id: actions.find(({ action }) => action === 'create')?.request_id ?? '',
    instance: { ...given, system_metadata, fault: null },
    ...{ block_device_mappings, tags },
    former: { fencing_token: server.fencing_token, actions },
  };
}
