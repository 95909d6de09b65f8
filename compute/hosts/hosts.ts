/**
 * Hosts as an operator sees them, and taking one out of service as Nova's os-services does: the scheduler picks it no more, its servers stay. One that is down
 * is forced down: builds that it has begun move to others. Placement and the cell each know; placement, which the scheduler reads, is changed first by a drain
 * and last by its end, so a host that is halfway is never picked.
 */

import { Conflict, NotFound } from '../../common/errors.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import type { Resources } from '../../database/api/hosts/allocations.ts';
import {
  bringUpHost as bringUpInPlacement,
  disableDownHost,
  disableHost,
  enableHost as enableInPlacement,
  findHost,
  type HostCapacity,
  type HostPlace,
  lastHostNumber,
  listHostCapacities,
} from '../../database/api/hosts/hosts.ts';
import { type ServiceState, setForcedDown, setServiceDisabled, unusableServices } from '../../database/cell/hosts.ts';
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

/** A host, whether it is forced down, and why it is disabled if a reason was given. */
export interface Host extends HostCapacity {
  forced_down: boolean;
  reason: string | null;
}

/**
 * Lists the hosts of a cell, or of all cells, by name. Only cells with a host that is disabled or forced down are asked; of one that does not answer that is
 * the reason.
 * @throws NotFound when there is no such cell.
 */
export async function listHosts(api: Database, cell: string | null): Promise<Host[]> {
  const [hosts, cells] = await Promise.all([listHostCapacities(api, cell), listCellMappings(api)]);
  if (cell !== null && !cells.some(({ name }) => name === cell)) throw noCell(cell);
  const disabled = hosts.filter(({ enabled }) => !enabled);
  const asked = cells.filter(({ name }) => disabled.some((host) => host.cell === name));
  const { results, failures, faults } = await inCells(asked, 'tending', (_, database) => unusableServices(database));
  if (faults.length > 0) throw faults[0];
  const services = new Map(results.map(({ cell: { name }, result }) => [name, result]));
  const silences = new Map(failures.map(({ cell, reason }) => [cell, reason]));
  const stateOf = ({ host, cell, enabled }: HostCapacity) => {
    const service = enabled ? undefined : services.get(cell)?.get(host);
    const silence = enabled ? null : (silences.get(cell) ?? null);
    return { forced_down: service?.forced_down ?? false, reason: service?.reason ?? silence };
  };
  return hosts.map((host) => ({ ...host, ...stateOf(host) }));
}

/**
 * Takes a host out of service; done again, it changes the reason.
 * @returns where it is, with the servers that are still there.
 * @throws NotFound when there is no such host; DatabaseUnreachable when its cell does not answer: then it is picked no more, but has no reason.
 */
export async function drainHost(api: Database, host: string, reason: string | null): Promise<HostPlace> {
  const place = await takeOut(api, host, (database) => setServiceDisabled(database, host, { reason }));
  // An operator who is enabling it meanwhile changed the cell before this did, and must not change placement after it.
  await disableHost(api, host);
  return place;
}

/**
 * Forces a host down, also one that is: the scheduler picks it no more, and the reaper, which is to be woken, moves the builds that it has begun.
 * @returns where it is, with the servers that are still there.
 * @throws what drainHost throws.
 */
export async function forceDownHost(api: Database, host: string): Promise<HostPlace> {
  const place = await takeOut(api, host, (database) => setForcedDown(database, host, true));
  // As for a drain; and only now the reaper finds that it is down.
  await disableDownHost(api, host);
  return place;
}

async function takeOut(api: Database, host: string, change: (cell: Database) => Promise<unknown>): Promise<HostPlace> {
  await disableHost(api, host);
  const place = await placeOf(api, host);
  const { failures, faults } = await inCells([{ ...place, name: place.cell }], 'tending', (_, database) => change(database));
  if (faults.length > 0) throw faults[0];
  for (const { reason: why } of failures) {
    throw new DatabaseUnreachable(`${host} is picked no more, but its cell ${place.cell} does not know yet: ${why}`);
  }
  return place;
}

/** A host that is put back, and what of it is said in its cell. */
export interface HostBack extends HostPlace {
  service: ServiceState | undefined;
}

/**
 * Puts a host back into service; one that is forced down stays so.
 * @throws NotFound when there is no such host, Conflict when it was disabled meanwhile; DatabaseUnreachable when its cell does not answer: then nothing has
 * changed.
 */
export async function enableHost(api: Database, host: string): Promise<HostBack> {
  const place = await placeOf(api, host);
  const service = await inCell(place.database_connection, 'tending', (database) => setServiceDisabled(database, host, null));
  if (!service?.forced_down && !(await enableInPlacement(api, host, place.generation))) {
    throw new Conflict(`${host} was disabled at the same moment.`);
  }
  return { ...place, service };
}

/**
 * Takes back that a host is forced down; one that is disabled stays so. The reaper, which is to be woken, has it end what it still runs of servers that left it.
 * @throws NotFound when there is no such host, Conflict when it was disabled or forced down meanwhile; DatabaseUnreachable when its cell does not answer: then
 * nothing has changed.
 */
export async function bringUpHost(api: Database, host: string): Promise<HostBack> {
  const place = await placeOf(api, host);
  const service = await inCell(place.database_connection, 'tending', (database) => setForcedDown(database, host, false));
  if (!(await bringUpInPlacement(api, host, place.generation, service?.disabled ?? false))) {
    throw new Conflict(`${host} was disabled or forced down at the same moment.`);
  }
  return { ...place, service };
}

async function placeOf(api: Database, host: string): Promise<HostPlace> {
  const place = await findHost(api, host);
  if (!place) throw new NotFound(`There is no host ${host}.`);
  return place;
}

function noCell(name: string): NotFound {
  return new NotFound(`There is no cell ${name}.`);
}
