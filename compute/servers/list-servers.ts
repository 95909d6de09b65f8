/**
 * Listing servers. The index in the api database has the order and says where each server is; the cells that hold a row of the page are asked for
 * theirs at once. So the cost of a page does not grow with cells, build requests stand in their right place, and a server that moves from its build
 * request into a cell meanwhile is neither lost nor doubled.
 */

import { BadRequest } from '../../common/errors.ts';
import { isUuid } from '../../common/uuid.ts';
import {
  findInstanceMapping,
  type IndexRange,
  type InstanceMapping,
  listInstanceMappings,
} from '../../database/api/servers/instance-mappings.ts';
import { findInstances } from '../../database/cell/instances.ts';
import { type Database, DatabaseUnreachable, parseDatabaseUrl } from '../../database/data-api/client.ts';
import type { DocumentFilter, Instance } from '../../database/servers/document.ts';
import { filterSql, type ServerFilters } from './filters.ts';
import type { Server } from './find-server.ts';

/** What servers can be sorted by, in Nova's words. */
export type SortField = keyof Instance | 'kernel_id' | 'ramdisk_id' | 'locked_by';

/** A field of a server to sort by. */
export interface SortKey {
  field: SortField;
  direction: 'asc' | 'desc';
}

/** Which servers, in which order. */
export interface Listing {
  /** null lists all projects. */
  projectId: string | null;
  deleted: boolean | undefined;
  filters: ServerFilters;
  /** At least one. */
  sort: SortKey[];
  marker: string | null;
  limit: number;
  /** Whether a server whose cell does not answer stands in the list without its instance (microversion 2.69), or is left out. */
  showUnreachable: boolean;
}

/** A page of servers; `next` is the marker of the following one, null on the last. */
export interface ServerPage {
  servers: Server[];
  next: string | null;
}

/** How much of the index a filtered listing reads at a time. */
const stretch = 1_000;

/**
 * Returns a page of servers.
 * @throws BadRequest for an unknown marker or a pattern that is no regular expression.
 */
export async function listServers(api: Database, listing: Listing): Promise<ServerPage> {
  if (listing.limit === 0) return { servers: [], next: null };
  const [first, ...others] = listing.sort;
  if (first?.field === 'created_at' && others.length === 0) return listInOrder(api, listing, first.direction);
  return listSorted(api, listing);
}

/** The order of the index: as much of it is read as the page needs. */
async function listInOrder(api: Database, listing: Listing, direction: 'asc' | 'desc'): Promise<ServerPage> {
  const { projectId, deleted, limit } = listing;
  const filter = filterSql(listing.filters);
  const servers: Server[] = [];
  let marker = listing.marker;
  for (;;) {
    const step = filter ? Math.max(stretch, limit) : limit;
    const mappings = await readIndex(api, { projectId, deleted, marker, limit: step, direction, filter });
    servers.push(...(await readServers(mappings, listing, filter)));
    marker = mappings.at(-1)?.uuid ?? null;
    const more = mappings.length === step;
    if (!filter) return { servers, next: more ? marker : null };
    if (servers.length >= limit) {
      const page = servers.slice(0, limit);
      return { servers: page, next: page.at(-1)?.mapping.uuid ?? null };
    }
    if (!more) return { servers, next: null };
  }
}

/** Any other order: all that match are read and sorted here, ties by uuid, nulls first as in Nova's databases. */
async function listSorted(api: Database, listing: Listing): Promise<ServerPage> {
  const { limit, marker, sort } = listing;
  const all: Server[] = [];
  for (let from: string | null = null; ; ) {
    const page = await listInOrder(api, { ...listing, marker: from, limit: stretch }, 'desc');
    all.push(...page.servers);
    if (page.next === null) break;
    from = page.next;
  }
  all.sort((a, b) => compare(a, b, sort));
  const last = marker === null ? undefined : await readMarker(api, marker, listing.projectId);
  const rest = last ? all.filter((server) => compare(last, server, sort) < 0) : all;
  const servers = rest.slice(0, limit);
  return { servers, next: servers.length === limit ? (servers.at(-1)?.mapping.uuid ?? null) : null };
}

/** The last server of the page before, which may have been deleted since, or match the filters no more. */
async function readMarker(api: Database, marker: string, projectId: string | null): Promise<Server> {
  const mapping = isUuid(marker) ? await findInstanceMapping(api, marker, projectId, 'all') : undefined;
  if (!mapping) throw markerNotFound(marker);
  if (!mapping.cell) return { mapping, instance: mapping.buildRequest };
  const found = await findInstances(parseDatabaseUrl(mapping.cell.connection), [mapping.uuid], 'all');
  return { mapping, instance: found.get(mapping.uuid) ?? null };
}

async function readIndex(api: Database, range: IndexRange): Promise<InstanceMapping[]> {
  try {
    const { mappings, markerFound } = await listInstanceMappings(api, range);
    if (!markerFound && range.marker !== null) throw markerNotFound(range.marker);
    return mappings;
  } catch (error) {
    throw badPattern(error);
  }
}

async function readServers(mappings: InstanceMapping[], listing: Listing, filter: DocumentFilter | undefined): Promise<Server[]> {
  const byCell = Map.groupBy(
    mappings.filter(({ cell }) => cell !== null),
    ({ cell }) => cell?.connection ?? '',
  );
  const living = listing.deleted === undefined ? 'all' : listing.deleted ? 'deleted' : 'living';
  const answers = await Promise.all(
    [...byCell].map(async ([connection, members]) => {
      const uuids = members.map(({ uuid }) => uuid);
      try {
        return await findInstances(parseDatabaseUrl(connection), uuids, living, filter);
      } catch (error) {
        if (!(error instanceof DatabaseUnreachable)) throw badPattern(error);
        return new Map(listing.showUnreachable ? uuids.map((uuid) => [uuid, null]) : []);
      }
    }),
  );
  const instances = new Map<string, Instance | null>(answers.flatMap((answer) => [...answer]));
  return mappings.flatMap((mapping) => {
    const instance = mapping.buildRequest ?? instances.get(mapping.uuid);
    return instance === undefined ? [] : [{ mapping, instance }];
  });
}

function markerNotFound(marker: string): BadRequest {
  return new BadRequest(`marker [${marker}] not found`);
}

/** PostgreSQL's SQLSTATE for a pattern that is no regular expression. */
const invalidPattern = '2201B';

function badPattern(error: unknown): unknown {
  const known = error instanceof Error && error.message.includes(invalidPattern);
  return known ? new BadRequest('Invalid regular expression in a filter', { cause: error }) : error;
}

function compare(a: Server, b: Server, sort: SortKey[]): number {
  for (const { field, direction } of sort) {
    const [left, right] = [fieldOf(a, field), fieldOf(b, field)];
    if (left === right) continue;
    const order = left === null ? -1 : right === null ? 1 : left < right ? -1 : 1;
    return direction === 'asc' ? order : -order;
  }
  return a.mapping.uuid === b.mapping.uuid ? 0 : a.mapping.uuid < b.mapping.uuid ? -1 : 1;
}

/** No server has a kernel or a lock of somebody yet, so these order nothing. */
function fieldOf({ instance }: Server, field: SortField) {
  if (field === 'kernel_id' || field === 'ramdisk_id' || field === 'locked_by') return null;
  return instance?.[field] ?? null;
}
