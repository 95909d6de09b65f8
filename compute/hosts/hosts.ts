/**
 * Hosts as an operator sees them, and taking one out of service as Nova's os-services does: the scheduler picks it no more, its servers stay. Placement and
 * the cell each know; placement, which the scheduler reads, is changed first by a drain and last by its end, so a host that is halfway is never picked.
 */

import { Conflict, NotFound } from '../../common/errors.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import type { Resources } from '../../database/api/hosts/allocations.ts';
import {
  disableHost,
  enableHost as enableInPlacement,
  findHost,
  type HostCapacity,
  type HostPlace,
  lastHostNumber,
  listHostCapacities,
} from '../../database/api/hosts/hosts.ts';
import { disabledReasons, setServiceDisabled } from '../../database/cell/hosts.ts';
import { type Database, DatabaseUnreachable } from '../../database/data-api/client.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell, inCells } from '../cells/reach.ts';
import { hostPrefix, saveSimulatedHosts } from './simulated-hosts.ts';

/**
 * Adds simulated hosts to a cell, which may be picked at once; returns their names, which go on from those that are there.
 * @throws NotFound when there is no such cell, Conflict when it is cell0 or shares its name.
 */
export async function addHosts(api: Database, name: string, count: number, total: Resources): Promise<string[]> {
  const [cell, ...others] = (await listCellMappings(api)).filter((cell) => cell.name === name);
  if (!cell) throw noCell(name);
  if (cell.uuid === cell0) throw new Conflict('cell0 has no hosts: it holds the servers that no host could take.');
  if (others.length > 0) throw new Conflict(`Several cells are named ${name}.`);
  const first = 1 + (await lastHostNumber(api, hostPrefix(name)));
  return await saveSimulatedHosts(api, cell, { first, count, total });
}

/** A host, and why it is disabled if a reason was given. */
export interface Host extends HostCapacity {
  reason: string | null;
}

/**
 * Lists the hosts of a cell, or of all cells, by name. Only cells with a disabled host are asked; of one that does not answer that is the reason.
 * @throws NotFound when there is no such cell.
 */
export async function listHosts(api: Database, cell: string | null): Promise<Host[]> {
  const [hosts, cells] = await Promise.all([listHostCapacities(api, cell), listCellMappings(api)]);
  if (cell !== null && !cells.some(({ name }) => name === cell)) throw noCell(cell);
  const disabled = hosts.filter(({ enabled }) => !enabled);
  const asked = cells.filter(({ name }) => disabled.some((host) => host.cell === name));
  const { results, failures, faults } = await inCells(asked, 'tending', (_, database) => disabledReasons(database));
  if (faults.length > 0) throw faults[0];
  const reasons = new Map(results.map(({ cell: { name }, result }) => [name, result]));
  const silences = new Map(failures.map(({ cell, reason }) => [cell, reason]));
  const reasonOf = (host: HostCapacity) => reasons.get(host.cell)?.get(host.host) ?? silences.get(host.cell) ?? null;
  return hosts.map((host) => ({ ...host, reason: host.enabled ? null : reasonOf(host) }));
}

/**
 * Takes a host out of service; done again, it changes the reason.
 * @returns where it is, with the servers that are still there.
 * @throws NotFound when there is no such host; DatabaseUnreachable when its cell does not answer: then it is picked no more, but has no reason.
 */
export async function drainHost(api: Database, host: string, reason: string | null): Promise<HostPlace> {
  await disableHost(api, host);
  const place = await placeOf(api, host);
  const cell = { name: place.cell, database_connection: place.database_connection };
  const { failures, faults } = await inCells([cell], 'tending', (_, database) => setServiceDisabled(database, host, { reason }));
  if (faults.length > 0) throw faults[0];
  for (const { reason: why } of failures) {
    throw new DatabaseUnreachable(`${host} is picked no more, but its cell ${place.cell} does not know yet: ${why}`);
  }
  // An operator who is enabling it meanwhile changed the cell before this did, and must not change placement after it.
  await disableHost(api, host);
  return place;
}

/**
 * Puts a host back into service.
 * @throws NotFound when there is no such host, Conflict when it was disabled meanwhile; DatabaseUnreachable when its cell does not answer: then nothing has
 * changed.
 */
export async function enableHost(api: Database, host: string): Promise<HostPlace> {
  const place = await placeOf(api, host);
  await inCell(place.database_connection, 'tending', (database) => setServiceDisabled(database, host, null));
  if (!(await enableInPlacement(api, host, place.generation))) throw new Conflict(`${host} was disabled at the same moment.`);
  return place;
}

async function placeOf(api: Database, host: string): Promise<HostPlace> {
  const place = await findHost(api, host);
  if (!place) throw new NotFound(`There is no host ${host}.`);
  return place;
}

function noCell(name: string): NotFound {
  return new NotFound(`There is no cell ${name}.`);
}
