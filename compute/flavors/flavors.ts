/** Flavors: operators make and remove them, projects see what is public or shared with them. */
import { randomUUID } from 'node:crypto';
import type { Caller } from '../../common/caller.ts';
import { BadRequest, Conflict, NotFound } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import { checkProperties } from '../../common/properties.ts';
import {
  type Flavor,
  type FlavorChange,
  type FlavorFilter,
  findFlavorId,
  flavorSortKeys,
  createFlavor as insertFlavor,
  type NewFlavor,
  deleteFlavor as removeFlavor,
  findFlavor as selectFlavor,
  listFlavors as selectFlavors,
  changeFlavor as updateFlavor,
} from '../../database/api/flavors.ts';
import { listProjects } from '../../database/api/projects.ts';
import type { Database } from '../../database/data-api/client.ts';
import { checkSpecs } from '../servers/hardware.ts';

export { type Flavor, type FlavorFilter, flavorSortKeys };

/** Whether the caller sees all flavors: private ones of others, and disabled ones. */
export function seesAllFlavors(caller: Caller): boolean {
  return allows(caller, 'os_compute_api:os-flavor-manage:create');
}

function notFound(flavorId: string): NotFound {
  return new NotFound(`Flavor ${flavorId} could not be found.`);
}

/** @throws BadRequest when the marker is no flavor that the caller sees. */
export async function listFlavors(api: Database, filter: FlavorFilter): Promise<Flavor[]> {
  const flavors = await selectFlavors(api, filter);
  if (!flavors) throw new BadRequest(`marker [${filter.marker}] not found`);
  return flavors;
}

/** @throws NotFound when there is no such flavor for the caller. */
export async function findFlavor(api: Database, caller: Caller, flavorId: string): Promise<Flavor> {
  const flavor = await selectFlavor(api, flavorId, seesAllFlavors(caller) ? null : caller.projectId);
  if (!flavor) throw notFound(flavorId);
  return flavor;
}

/**
 * Makes a flavor; without an id it gets a uuid.
 * @throws Conflict when its id or its name is taken.
 */
export async function createFlavor(
  api: Database,
  requestId: string,
  flavor: Omit<NewFlavor, 'flavorid'> & { flavorid: string | null },
): Promise<Flavor> {
  const flavorid = flavor.flavorid ?? randomUUID();
  const created = await insertFlavor(api, { ...flavor, flavorid }, requestId);
  if (created) return created;
  const taken = (await selectFlavor(api, flavorid, null)) ? `ID ${flavorid}` : `name ${flavor.name}`;
  throw new Conflict(`Flavor with ${taken} already exists.`);
}

/**
 * Deletes a flavor that is there; if somebody else deletes it at the same time, both have.
 * @throws NotFound when there is no such flavor.
 */
export async function deleteFlavor(api: Database, flavorId: string): Promise<void> {
  if (!(await selectFlavor(api, flavorId, null))) throw notFound(flavorId);
  await removeFlavor(api, flavorId);
}

/** What an operator changes of a flavor; the project by its name. */
export interface FlavorUpdate extends Omit<FlavorChange, 'access'> {
  access?: { project: string; allowed: boolean };
}

/**
 * Changes a flavor, by its id or its name; returns it as it is then. Servers keep their copy of it.
 * @throws NotFound when there is no such flavor or project, Conflict when the flavor is public and so needs no access, BadRequest when an extra spec cannot be.
 */
export async function changeFlavor(api: Database, idOrName: string, { access, ...change }: FlavorUpdate): Promise<Flavor> {
  checkProperties(change.specs ?? {});
  checkSpecs(change.specs ?? {});
  const flavor = await flavorOf(api, idOrName);
  if (access && flavor.is_public) throw new Conflict(`Flavor ${flavor.name} is public: every project may use it.`);
  const project = access && (await listProjects(api, { name: access.project }))[0];
  if (access && !project) throw new NotFound(`There is no project ${access.project}.`);
  await updateFlavor(api, flavor.flavorid, { ...change, ...(project ? { access: { project: project.id, allowed: access.allowed } } : {}) });
  return await flavorOf(api, flavor.flavorid);
}

async function flavorOf(api: Database, idOrName: string): Promise<Flavor> {
  const flavorId = await findFlavorId(api, idOrName);
  const flavor = flavorId === undefined ? undefined : await selectFlavor(api, flavorId, null);
  if (!flavor) throw notFound(idOrName);
  return flavor;
}
