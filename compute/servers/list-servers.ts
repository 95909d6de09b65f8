/**
 * Listing servers. The index in the api database has the order and says where each server is; the cells that hold a row of the page are asked for
 * theirs at once. So the cost of a page does not grow with cells, build requests stand in their right place, and a server that moves from its build
 * request into a cell meanwhile is neither lost nor doubled.
 */

import { BadRequest } from '../../common/errors.ts';
import { isUuid } from '../../common/uuid.ts';
import { findFlavor } from '../../database/api/flavors.ts';
import {
  findInstanceMapping,
  type IndexRange,
  type InstanceMapping,
  listInstanceMappings,
} from '../../database/api/servers/instance-mappings.ts';
import { findInstances } from '../../database/cell/instances/find.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { InstanceColumn } from '../../database/servers/columns.ts';
import type { DocumentFilter, Instance } from '../../database/servers/document.ts';
import { type Reach, reachCells } from '../cells/reach.ts';
import { filterSql, type ServerFilters } from './filters.ts';
import type { Server } from './find-server.ts';

/** A column to sort by. */
export interface SortKey {
  column: InstanceColumn;
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

/** How much of the index a filtered listing reads at a time, and any listing at most. */
const stretch = 1_000;

/** The cells as a listing reaches for them. */
interface Cells extends Reach {
  /** uuids of those that have failed and whose servers are left out; the index is read without them from then on. */
  hidden: Set<string>;
}

/**
 * Returns a page of servers. It is full unless no more servers are left, whatever cells are down and rows deleted: clients take a page without servers for the end.
 * @throws BadRequest for an unknown marker or a pattern that is not allowed.
 */
export async function listServers(api: Database, asked: Listing): Promise<ServerPage> {
  const filters = asked.limit === 0 ? undefined : await withFlavor(api, asked.filters);
  if (!filters) return { servers: [], next: null };
  const listing = { ...asked, filters };
  const cells = { ...reachCells('reading'), hidden: new Set<string>() };
  const [first, ...others] = listing.sort;
  if (first?.column === 'created_at' && others.length === 0) return listInOrder(api, cells, listing, first.direction);
  return listSorted(api, cells, listing);
}

/** Puts the flavor that there is into the place of its id, which another may have had before; undefined when there is none, and so no server of it. */
async function withFlavor(api: Database, { flavor: flavorid, ...filters }: ServerFilters): Promise<ServerFilters | undefined> {
  if (flavorid === undefined) return filters;
  const flavor = await findFlavor(api, flavorid, null);
  return flavor && { ...filters, exact: { ...filters.exact, instance_type_id: String(flavor.id) } };
}

/** The order of the index: as much of it is read as the page needs. */
async function listInOrder(api: Database, cells: Cells, listing: Listing, direction: 'asc' | 'desc'): Promise<ServerPage> {
  const { projectId, deleted, limit } = listing;
  const filter = filterSql(listing.filters);
  const servers: Server[] = [];
  let marker = listing.marker;
  for (let step = filter ? stretch : limit; ; step = Math.min(step * 2, stretch)) {
    const mappings = await readIndex(api, { projectId, deleted, marker, limit: step, direction, filter, hidden: [...cells.hidden] });
    servers.push(...(await readServers(cells, mappings, listing, filter)));
    if (servers.length >= limit) {
      const page = servers.slice(0, limit);
      return { servers: page, next: page.at(-1)?.mapping.uuid ?? null };
    }
    if (mappings.length < step) return { servers, next: null };
    marker = mappings.at(-1)?.uuid ?? null;
  }
}

/** Any other order: all that match are read and sorted here, ties by uuid, nulls first as in Nova's databases. */
async function listSorted(api: Database, cells: Cells, listing: Listing): Promise<ServerPage> {
  const { limit, marker, sort } = listing;
  const all: Server[] = [];
  for (let from: string | null = null; ; ) {
    const page = await listInOrder(api, cells, { ...listing, marker: from, limit: stretch }, 'desc');
    all.push(...page.servers);
    if (page.next === null) break;
    from = page.next;
  }
  all.sort((a, b) => compare(a, b, sort));
  const last = marker === null ? undefined : await readMarker(api, cells, marker, listing.projectId);
  const rest = last ? all.filter((server) => compare(last, server, sort) < 0) : all;
  const servers = rest.slice(0, limit);
  return { servers, next: servers.length === limit ? (servers.at(-1)?.mapping.uuid ?? null) : null };
}

/** The last server of the page before, which may have been deleted since, or match the filters no more. */
async function readMarker(api: Database, cells: Cells, marker: string, projectId: string | null): Promise<Server> {
  const mapping = isUuid(marker) ? await findInstanceMapping(api, marker, projectId, 'all') : undefined;
  if (!mapping) throw markerNotFound(marker);
  if (!mapping.cell) return { mapping, instance: mapping.buildRequest };
  const found = await cells.inCell(mapping.cell.database_connection, (database) => findInstances(database, [mapping.uuid], 'all'));
  return { mapping, instance: found.get(mapping.uuid) ?? null };
}

async function readIndex(api: Database, range: IndexRange): Promise<InstanceMapping[]> {
  const { mappings, markerFound } = await listInstanceMappings(api, range);
  if (!markerFound && range.marker !== null) throw markerNotFound(range.marker);
  return mappings;
}

async function readServers(
  cells: Cells,
  mappings: InstanceMapping[],
  listing: Listing,
  filter: DocumentFilter | undefined,
): Promise<Server[]> {
  const asked = new Map(mappings.flatMap(({ cell }) => (cell ? [[cell.uuid, cell]] : [])));
  const members = Map.groupBy(mappings, ({ cell }) => cell?.uuid);
  const living = listing.deleted === undefined ? 'all' : listing.deleted ? 'deleted' : 'listed';
  const { results, faults } = await cells.inCells([...asked.values()], ({ uuid }, database) =>
    findInstances(database, (members.get(uuid) ?? []).map(uuidOf), living, filter),
  );
  if (faults.length > 0) throw faults[0];
  const instances = new Map<string, Instance | null>(results.flatMap(({ result }) => [...result]));
  for (const { cell } of results) asked.delete(cell.uuid);
  for (const failed of asked.keys()) {
    if (!listing.showUnreachable) cells.hidden.add(failed);
    else for (const { uuid } of members.get(failed) ?? []) instances.set(uuid, null);
  }
  return mappings.flatMap((mapping) => {
    const instance = mapping.buildRequest ?? instances.get(mapping.uuid);
    return instance === undefined ? [] : [{ mapping, instance }];
  });
}

const uuidOf = ({ uuid }: { uuid: string }) => uuid;

function markerNotFound(marker: string): BadRequest {
  return new BadRequest(`marker [${marker}] not found`);
}

function compare(a: Server, b: Server, sort: SortKey[]): number {
  for (const { column, direction } of sort) {
    const [left, right] = [a.instance?.[column] ?? null, b.instance?.[column] ?? null];
    if (left === right) continue;
    const order = left === null ? -1 : right === null ? 1 : left < right ? -1 : 1;
    return direction === 'asc' ? order : -order;
  }
  return a.mapping.uuid === b.mapping.uuid ? 0 : a.mapping.uuid < b.mapping.uuid ? -1 : 1;
}
