/**
 * Build requests: servers that are accepted but have no cell yet, on their way into one. Removing one is the single point where delete and build meet: the
 * statement that removes it decides what becomes of the server, in the same statement.
 */
import { type Database, query, queryDocuments } from '../../data-api/client.ts';
import { initialValues } from '../../servers/columns.ts';
import type { Instance, InstanceChanges, RecordedAction } from '../../servers/document.ts';
import type { FencedServer } from '../../servers/ownership.ts';
import { notePending } from '../cells/pending-cleanups.ts';
import { releaseAllocations, releaseQuota } from './release.ts';
import type { RequestSpec } from './request-spec.ts';

const initial = Object.entries(initialValues).map(([column, value]) => `'${column}', ${typeof value === 'string' ? `'${value}'` : value}`);

/** Returns SQL of the document of a build request in the shape of an Instance, as it is shown. A column that came after it was accepted has its initial value. */
export function buildRequestDocument(request: string): string {
  return `jsonb_build_object(${initial.join(', ')}) || (${request}.instance - 'secrets')
    || jsonb_build_object('block_device_mappings', ${request}.block_device_mappings, 'tags', ${request}.tags)`;
}

/** Where a server was that was sent through another boot: its former cell keeps the row until the server has its next home. */
export interface Former {
  /** Id of the cell mapping. */
  cell_id: number;
  /** The row there was written with this token or an earlier one. */
  fencing_token: number;
  /** When it was sent; ISO 8601. */
  since: string;
  /** What was done to it until then, its `create` action first. */
  actions: RecordedAction[];
}

/** SQL that selects what the former cells of build requests, rows of a CTE, hold of them; what a target cell holds is newer. */
const ofFormerCell = (requests: string) => `
         select r.instance_uuid, c.id, (r.former->>'fencing_token')::int
         from ${requests} r join cell_mappings c on c.id = (r.former->>'cell_id')::int and c.id is distinct from r.cell_id`;

/** A server on its way into a cell, as the api database sees it. */
export interface BuildRequest {
  /** The server as it was accepted; null when the build request is gone, or is another execution's. */
  instance: Instance | null;
  requestId: string | null;
  /** null for a server that never had a cell. */
  former: Former | null;
  spec: RequestSpec;
  /** uuid of the cell it is mapped to already. */
  mappedTo: string | null;
  /** URL of the database of the cell it shall go to; null when no such cell is registered. */
  connection: string | null;
  /** That of the execution that asks; null when it does not own the server. */
  fencingToken: number | null;
}

/**
 * Sets the target cell of servers that an execution owns, and returns what it may know of them, by uuid. Servers that are being deleted are left out.
 * A server that had another target cell gets the next fencing token, and that cell a pending cleanup: it may hold the server already.
 */
export async function setTargetCell(
  api: Database,
  execution: string,
  servers: readonly string[],
  cell: string,
): Promise<Map<string, BuildRequest>> {
  const found = new Map<string, BuildRequest>();
  for (let wanted = servers; wanted.length > 0; ) {
    const { documents, truncated } = await queryDocuments<BuildRequest>(
      api,
      `select m.instance_uuid as key, jsonb_build_object(
         'instance', case when b.id is not null then ${buildRequestDocument('b')} || jsonb_build_object('secrets', b.instance->'secrets') end,
         'requestId', b.request_id,
         'former', b.former,
         'spec', s.spec,
         'mappedTo', c.uuid,
         'connection', (select database_connection from cell),
         'fencingToken', coalesce(b.fencing_token, case when m.execution = :execution then m.fencing_token end)) as doc
       from asked
       join instance_mappings m on m.instance_uuid = asked.uuid and not m.queued_for_delete
       join request_specs s on s.instance_uuid = asked.uuid
       left join targeted b on b.instance_uuid = asked.uuid
       left join cell_mappings c on c.id = m.cell_id`,
      { servers: wanted, cell, execution },
      {
        ctes: `
       -- The cell they go to; without a row nothing is written and no one has a connection.
       cell as (select id, database_connection from cell_mappings where uuid = :cell::uuid),
       -- The servers asked for.
       asked as (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid),
       -- Those this execution owns, as they are under the lock, where another owner or target cell since the statement began counts.
       owned as (
         select b.id, b.instance_uuid, b.cell_id, b.fencing_token from build_requests b join asked on asked.uuid = b.instance_uuid
         where b.execution = :execution order by b.id for update of b),
       -- Their target cell. The owner that changes it may write there alone, so the token grows.
       targeted as (
         update build_requests b
         set cell_id = cell.id, updated_at = now(), fencing_token = owned.fencing_token + case when owned.cell_id <> cell.id then 1 else 0 end
         from owned, cell where b.id = owned.id
         returning b.*),
       -- The cell they turned from may hold them already.
       left_behind as (${notePending(`
         select instance_uuid, owned.cell_id, fencing_token from owned cross join cell where owned.cell_id <> cell.id`)})`,
      },
    );
    for (const [uuid, request] of documents) found.set(uuid, request);
    wanted = truncated ? wanted.filter((uuid) => !documents.has(uuid)) : [];
  }
  return found;
}

/**
 * Commits servers to their cell: removes the build request and points the mapping, for each server whose build request is still this execution's, with
 * this token and this target cell. They must be whole in the cell before, written with that token. Sent twice, it answers the same.
 * @param allocations what becomes of their allocations: cell0 has no hosts, so a burial releases them in the same statement.
 * @returns the uuids that this execution brought into this cell; the others were deleted, or have another owner.
 */
export async function commitToCell(
  api: Database,
  execution: string,
  servers: readonly FencedServer[],
  cell: string,
  allocations: 'keep' | 'release',
): Promise<Set<string>> {
  const rows = await query<{ uuid: string }>(
    api,
    `with
     -- The cell that shall have them.
     cell as (select id from cell_mappings where uuid = :cell::uuid),
     -- The servers, with the token each was written with.
     asked as (select * from jsonb_to_recordset(:servers::jsonb) as list (uuid uuid, fencing_token int)),
     -- Those whose build request is still as their writer knew it. Who removes it decides over the server.
     won as (
       delete from build_requests b using asked, cell
       where b.instance_uuid = asked.uuid and b.execution = :execution and b.fencing_token = asked.fencing_token and b.cell_id = cell.id
       returning b.instance_uuid, b.cell_id, b.fencing_token, b.former),
     -- The index points to the cell, and names the owner who wrote there.
     moved as (
       update instance_mappings m set cell_id = won.cell_id, execution = :execution, fencing_token = won.fencing_token, updated_at = now()
       from won where m.instance_uuid = won.instance_uuid and m.cell_id is null
       returning m.instance_uuid)
     ${
       allocations === 'keep'
         ? `,
     -- The reaper looks after it until its build has ended, and removes what a former cell has of it.
     to_be_built as (${notePending(`
         select instance_uuid, cell_id, fencing_token from won
         union all ${ofFormerCell('won')}`)})`
         : `, ${releaseAllocations('select instance_uuid from won')}`
     }
     select instance_uuid as uuid from moved
     union
     select m.instance_uuid from instance_mappings m join asked on asked.uuid = m.instance_uuid join cell on cell.id = m.cell_id
     where m.execution = :execution and m.fencing_token = asked.fencing_token and not m.queued_for_delete`,
    { servers, cell, execution },
  );
  return new Set(rows.map(({ uuid }) => uuid));
}

/**
 * Releases the target cell of a server: its allocations are released, what the cell may hold of it gets a pending cleanup, and
 * the fencing token grows, so that nothing written before can be committed any more.
 * @returns false when the server is not this execution's any more: deleted, or in its cell after all.
 */
export async function releaseTargetCell(api: Database, execution: string, server: string): Promise<boolean> {
  const rows = await query(
    api,
    `with
     -- The server, if this execution still owns it.
     owned as (
       select instance_uuid, cell_id, fencing_token from build_requests where instance_uuid = :server::uuid and execution = :execution for update),
     -- It goes to no cell now, and what was written before can be committed no more.
     turned as (
       update build_requests b set cell_id = null, fencing_token = owned.fencing_token + 1, updated_at = now()
       from owned where b.instance_uuid = owned.instance_uuid and owned.cell_id is not null),
     -- The cell may hold it.
     left_behind as (${notePending('select instance_uuid, cell_id, fencing_token from owned where cell_id is not null')}),
     ${releaseAllocations('select instance_uuid from owned')}
     select instance_uuid from owned`,
    { server, execution },
  );
  return rows.length > 0;
}

/**
 * Changes a server that has no cell. What its owner may have written into a target cell has the old values, so the token grows: that is not committed, and the
 * owner, who finds the server still his, writes it again. The heartbeat is the owner's alone.
 * @returns the server as it is now; undefined when the build request is gone, because a cell has the server or someone deleted it.
 */
export async function updateBuildRequest(api: Database, server: string, changes: InstanceChanges): Promise<Instance | undefined> {
  const { documents } = await queryDocuments<Instance>(
    api,
    `select instance_uuid as key, ${buildRequestDocument('changed')} as doc from changed`,
    { server, changes },
    {
      ctes: `
       -- With the new values.
       changed as (
         update build_requests
         set instance = case when instance @> :changes::jsonb then instance else instance || :changes::jsonb || jsonb_build_object('updated_at', now()) end,
           fencing_token = fencing_token + case when cell_id is null or instance @> :changes::jsonb then 0 else 1 end
         where instance_uuid = :server::uuid
         returning *)`,
    },
  );
  return documents.get(server);
}

/**
 * Ends a server that has no cell: removes its build request, marks its mapping deleted and releases its quota and its allocations.
 * @returns false when the build request was gone already, because a cell has the server or someone deleted it.
 */
export async function removeBuildRequest(api: Database, server: string): Promise<boolean> {
  const rows = await query(
    api,
    `with
     -- Who removes it decides over the server.
     gone as (delete from build_requests where instance_uuid = :server::uuid returning instance_uuid, cell_id, fencing_token, former),
     -- A cell that it was on its way into may hold it, and its former cell does.
     left_behind as (${notePending(`
         select instance_uuid, cell_id, fencing_token from gone where cell_id is not null
         union all ${ofFormerCell('gone')}`)}),
     ${releaseQuota('select instance_uuid from gone')}
     select instance_uuid from gone`,
    { server },
  );
  return rows.length > 0;
}
