/**
 * The global index of servers: who owns each, when it was accepted, and which cell has it. While it has none, the build request stands for it, and both
 * are read in one statement: a server is in exactly one of the two places at any moment.
 */
import { type Database, type Parameter, queryDocuments } from '../../data-api/client.ts';
import type { DocumentFilter, Instance } from '../../servers/document.ts';
import { notePending } from '../cells/pending-cleanups.ts';
import { buildRequestDocument } from './build-requests.ts';
import type { RequestSpec } from './request-spec.ts';

/** Where a server is. */
export interface InstanceMapping {
  uuid: string;
  projectId: string;
  userId: string;
  createdAt: string;
  /** The cell that has it; null while the build request stands for it, or when it was deleted before it got a cell. */
  cell: { uuid: string; name: string; database_connection: string } | null;
  /** The server itself while it has no cell. */
  buildRequest: Instance | null;
  /** uuids of its server groups: one, or none. */
  groups: string[];
  /** null for a server whose spec was archived. */
  spec: RequestSpec | null;
  queuedForDelete: boolean;
}

/** Returns SQL of a mapping's document; a build request that does not match the filter is left out of it. */
export function mappingDocument(filter?: DocumentFilter): string {
  const request = `select doc from (select ${buildRequestDocument('b')} as doc) request where ${filter?.sql ?? 'true'}`;
  return `jsonb_build_object(
  'uuid', m.instance_uuid, 'projectId', m.project_id, 'userId', m.user_id, 'createdAt', m.created_at, 'queuedForDelete', m.queued_for_delete,
  'cell', case when c.id is not null then jsonb_build_object('uuid', c.uuid, 'name', c.name, 'database_connection', c.database_connection) end,
  'buildRequest', case when c.id is null and b.id is not null then (${request}) end,
  'groups', (
    select coalesce(jsonb_agg(g.uuid), '[]') from instance_group_member member join instance_groups g on g.id = member.group_id
    where member.instance_uuid = m.instance_uuid),
  'spec', s.spec)`;
}

/** Returns SQL that joins all of that to mappings. */
export const joinedMappings = (mappings: string) => `${mappings} m
  left join cell_mappings c on c.id = m.cell_id
  left join build_requests b on b.instance_uuid = m.instance_uuid
  left join request_specs s on s.instance_uuid = m.instance_uuid`;

/**
 * Returns the mapping of a server; one that is being deleted only when asked for `all`.
 * @param projectId restricts to a project; null sees all.
 */
export async function findInstanceMapping(
  api: Database,
  uuid: string,
  projectId: string | null,
  which: 'living' | 'all' = 'living',
): Promise<InstanceMapping | undefined> {
  const { documents } = await queryDocuments<InstanceMapping>(
    api,
    `select m.instance_uuid as key, ${mappingDocument()} as doc from ${joinedMappings('instance_mappings')}
     where m.instance_uuid = :uuid::uuid and ${which === 'all' ? 'true' : 'not m.queued_for_delete'}
       and (:project_id::text is null or m.project_id = :project_id)`,
    { uuid, project_id: projectId },
  );
  return documents.get(uuid);
}

/** A limit of a project. */
export interface ProjectLimit {
  project: string;
  resource: string;
  /** Where the project has none of its own. */
  fallback: number;
}

/** As findInstanceMapping, with a limit beside it; -1 is none. */
export async function findInstanceMappingAndLimit(
  api: Database,
  uuid: string,
  projectId: string | null,
  { project, resource, fallback }: ProjectLimit,
): Promise<(InstanceMapping & { limit: number }) | undefined> {
  const { documents } = await queryDocuments<InstanceMapping & { limit: number }>(
    api,
    `select m.instance_uuid as key, ${mappingDocument()} || jsonb_build_object(
       'limit', coalesce((select hard_limit from quotas where project_id = :project and resource = :resource), :fallback::int)) as doc
     from ${joinedMappings('instance_mappings')}
     where m.instance_uuid = :uuid::uuid and not m.queued_for_delete and (:project_id::text is null or m.project_id = :project_id)`,
    { uuid, project_id: projectId, project, resource, fallback },
  );
  return documents.get(uuid);
}

/** As findInstanceMapping, of a deleted server too. */
export function findAnyInstanceMapping(api: Database, uuid: string, projectId: string | null): Promise<InstanceMapping | undefined> {
  return findInstanceMapping(api, uuid, projectId, 'all');
}

/** A mapping that was noted in the call that read it. */
export interface NotedMapping extends InstanceMapping {
  /** Of the note; null for a server without a cell, of which nothing is noted. */
  generation: number | null;
}

/** What is read beside a mapping: CTEs, each with a comma before it, which may name the server `found`, and SQL of an object that may name them and the mapping `m`. */
export interface Beside {
  ctes: string;
  sql: string;
  parameters: Readonly<Record<string, Parameter>>;
}

const nothing: Beside = { ctes: '', sql: `'{}'::jsonb`, parameters: {} };

/**
 * Returns the mapping of a server that is about to be deleted or changed, and notes that this began in its cell; so it is finished whatever happens to the
 * caller.
 * @param projectId restricts to a project; null sees all.
 * @param beside what is read with it.
 */
export async function findInstanceMappingToChange<More extends object = object>(
  api: Database,
  uuid: string,
  projectId: string | null,
  beside = nothing,
): Promise<(NotedMapping & More) | undefined> {
  const { documents } = await queryDocuments<NotedMapping & More>(
    api,
    `select m.instance_uuid as key, ${mappingDocument()} || jsonb_build_object('generation', (select generation from begun)) || ${beside.sql} as doc
     from ${joinedMappings('found')}`,
    { uuid, project_id: projectId, ...beside.parameters },
    {
      ctes: `
       -- The server, if it lives and is of the project.
       found as (
         select * from instance_mappings
         where instance_uuid = :uuid::uuid and not queued_for_delete and (:project_id::text is null or project_id = :project_id)),
       -- What is done to it begins in its cell.
       begun as (${notePending('select instance_uuid, cell_id, fencing_token from found where cell_id is not null')} returning generation)${beside.ctes}`,
    },
  );
  return documents.get(uuid);
}

/** A stretch of the index. */
export interface IndexPage {
  mappings: InstanceMapping[];
  /** false when the marker is not a server of this project. */
  markerFound: boolean;
}

/** What of the index to read. */
export interface IndexRange {
  /** null sees all projects. */
  projectId: string | null;
  /** Servers that are deleted or soft-deleted, not deleted, or all (undefined). */
  deleted: boolean | undefined;
  /** Read on after this server. */
  marker: string | null;
  limit: number;
  direction: 'asc' | 'desc';
  /** Build requests that do not match are left out of their mappings. */
  filter: DocumentFilter | undefined;
  /** uuids of cells whose servers are left out. */
  hidden: readonly string[];
}

/** Returns the next servers of the index by the time they were accepted; fewer than `limit` only when there are no more. */
export async function listInstanceMappings(api: Database, range: IndexRange): Promise<IndexPage> {
  const mappings: InstanceMapping[] = [];
  let { marker } = range;
  for (;;) {
    const { documents, truncated } = await readRange(api, { ...range, marker, limit: range.limit - mappings.length });
    const header = documents.get('header');
    documents.delete('header');
    mappings.push(...(documents as Map<string, InstanceMapping>).values());
    const markerFound = header !== undefined && 'markerFound' in header && header.markerFound;
    if (!truncated || !markerFound) return { mappings, markerFound };
    marker = mappings.at(-1)?.uuid ?? null;
  }
}

const hiddenCells = 'select id from cell_mappings where uuid in (select jsonb_array_elements_text(:hidden::jsonb)::uuid)';

function readRange(api: Database, { projectId, deleted, marker, limit, direction, filter, hidden }: IndexRange) {
  const [before, order] = direction === 'desc' ? ['<', 'desc'] : ['>', 'asc'];
  return queryDocuments<InstanceMapping | { markerFound: boolean }>(
    api,
    `with marker as (
       select created_at, id from instance_mappings
       where instance_uuid::text = :marker and (:project_id::text is null or project_id = :project_id)),
     page as (
       select * from instance_mappings
       where ${projectId === null ? 'true' : 'project_id = :project_id'}
         and ${deleted === undefined ? 'true' : deleted ? '(queued_for_delete or instances = 0)' : 'not queued_for_delete'}
         ${hidden.length === 0 ? '' : `and (cell_id is null or cell_id not in (${hiddenCells}))`}
         ${marker === null ? '' : `and (created_at, id) ${before} (select created_at, id from marker)`}
       order by created_at ${order}, id ${order} limit :limit)
     select 'header' as key, jsonb_build_object('markerFound', ${marker === null ? 'true' : 'exists (select from marker)'}) as doc, 0 as position
     union all
     select m.instance_uuid::text, ${mappingDocument(filter)}, row_number() over (order by m.created_at ${order}, m.id ${order}) from ${joinedMappings('page')}`,
    { project_id: projectId, marker, limit, ...(hidden.length === 0 ? {} : { hidden }), ...filter?.parameters },
    { order: 'position' },
  );
}
