/** The flavors resource: list, show, create, delete, and the extra specs of one. */

import * as z from 'zod';
import type { Caller } from '../../../../common/caller.ts';
import { NotFound } from '../../../../common/errors.ts';
import { allows } from '../../../../common/policy.ts';
import { createFlavor, deleteFlavor, type Flavor, findFlavor, listFlavors, seesAllFlavors } from '../../../../compute/flavors/flavors.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { nextLink, selfLinks } from '../shared/links.ts';
import { booleanValue, description, integerFrom, largestInteger, name, text, when } from '../shared/parameters.ts';
import { type FlavorQuery, flavorQuery, readFlavorQuery } from './list-query.ts';

/** The largest number of a float column in Nova's databases. */
const largestFloat = 3.40282e38;

const flavorId = z.union([text(255, 1).regex(/^(?! )[a-zA-Z0-9. _-]+(?<! )$/), z.number().transform(String)]);
const factor = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^[0-9]+(\.[0-9]+)?$/)
      .transform(Number),
  ])
  .pipe(z.number().positive().max(largestFloat));

function createBody(microversion: Microversion) {
  return z.strictObject({
    flavor: z.strictObject({
      name,
      id: flavorId.nullish(),
      ram: integerFrom(1, largestInteger),
      vcpus: integerFrom(1, largestInteger),
      disk: integerFrom(0, largestInteger),
      'OS-FLV-EXT-DATA:ephemeral': integerFrom(0, largestInteger).optional(),
      swap: integerFrom(0, largestInteger).optional(),
      rxtx_factor: factor.default(1),
      'os-flavor-access:is_public': booleanValue.default(true),
      description: when(microversion.has('flavorDescription'), 'description', description(65_535)),
    }),
  });
}

function flavorView(flavor: Flavor, { baseUrl, caller, microversion }: { baseUrl: string; caller: Caller; microversion: Microversion }) {
  const withSpecs = microversion.has('flavorExtraSpecs') && allows(caller, 'os_compute_api:os-flavor-extra-specs:index');
  return {
    id: flavor.flavorid,
    name: flavor.name,
    ram: flavor.memory_mb,
    disk: flavor.root_gb,
    vcpus: flavor.vcpus,
    swap: flavor.swap === 0 && !microversion.has('strictRequests') ? '' : flavor.swap,
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral_gb,
    'OS-FLV-DISABLED:disabled': flavor.disabled,
    'os-flavor-access:is_public': flavor.is_public,
    rxtx_factor: flavor.rxtx_factor,
    links: selfLinks(baseUrl, 'flavors', flavor.flavorid),
    ...(microversion.has('flavorDescription') ? { description: flavor.description } : {}),
    ...(withSpecs ? { extra_specs: flavor.extra_specs } : {}),
  };
}

async function list(request: ApiRequest<undefined, FlavorQuery>, detail: boolean) {
  const { baseUrl, caller, microversion, query } = request;
  const filter = readFlavorQuery(query, caller.projectId, seesAllFlavors(caller));
  const flavors = filter.limit === 0 ? [] : await listFlavors(apiDatabase(), filter);
  const marker = flavors.length === filter.limit ? (flavors.at(-1)?.flavorid ?? null) : null;
  return {
    status: 200,
    body: {
      flavors: flavors.map((flavor) => (detail ? flavorView(flavor, request) : summary(flavor, baseUrl, microversion))),
      ...nextLink(baseUrl, detail ? '/flavors/detail' : '/flavors', 'flavors_links', query, marker),
    },
  };
}

function summary({ flavorid, name, description }: Flavor, baseUrl: string, microversion: Microversion) {
  return {
    id: flavorid,
    name,
    links: selfLinks(baseUrl, 'flavors', flavorid),
    ...(microversion.has('flavorDescription') ? { description } : {}),
  };
}

async function show(request: ApiRequest) {
  const flavor = await findFlavor(apiDatabase(), request.caller, request.params.id ?? '');
  return { status: 200, body: { flavor: flavorView(flavor, request) } };
}

async function create(request: ApiRequest<z.infer<ReturnType<typeof createBody>>>) {
  const { flavor } = request.body;
  const created = await createFlavor(apiDatabase(), request.requestId, {
    flavorid: flavor.id ?? null,
    name: flavor.name,
    memory_mb: flavor.ram,
    vcpus: flavor.vcpus,
    root_gb: flavor.disk,
    ephemeral_gb: flavor['OS-FLV-EXT-DATA:ephemeral'] ?? 0,
    swap: flavor.swap ?? 0,
    rxtx_factor: flavor.rxtx_factor,
    is_public: flavor['os-flavor-access:is_public'],
    description: flavor.description ?? null,
  });
  return { status: 200, body: { flavor: flavorView(created, request) } };
}

async function remove({ params }: ApiRequest) {
  await deleteFlavor(apiDatabase(), params.id ?? '');
  return { status: 202 };
}

async function extraSpecs({ caller, params }: ApiRequest) {
  const { extra_specs } = await findFlavor(apiDatabase(), caller, params.id ?? '');
  return { status: 200, body: { extra_specs } };
}

async function extraSpec({ caller, params: { id = '', key = '' } }: ApiRequest) {
  const { extra_specs } = await findFlavor(apiDatabase(), caller, id);
  const value = new Map(Object.entries(extra_specs)).get(key);
  if (value === undefined) throw new NotFound(`Flavor ${id} has no extra specs with key ${key}.`);
  return { status: 200, body: { [key]: value } };
}

/** The routes of the flavors resource. */
export const flavorRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/flavors',
    policy: 'os_compute_api:flavors',
    toOthers: 'own',
    query: flavorQuery,
    handle: (request: ApiRequest<undefined, FlavorQuery>) => list(request, false),
  }),
  route({
    method: 'GET',
    path: '/flavors/detail',
    policy: 'os_compute_api:flavors',
    toOthers: 'own',
    query: flavorQuery,
    handle: (request: ApiRequest<undefined, FlavorQuery>) => list(request, true),
  }),
  route({ method: 'GET', path: '/flavors/{id}', policy: 'os_compute_api:flavors', toOthers: 'hidden', handle: show }),
  route({
    method: 'POST',
    path: '/flavors',
    policy: 'os_compute_api:os-flavor-manage:create',
    toOthers: 'shared',
    body: createBody,
    handle: create,
  }),
  route({ method: 'DELETE', path: '/flavors/{id}', policy: 'os_compute_api:os-flavor-manage:delete', toOthers: 'shared', handle: remove }),
  route({
    method: 'GET',
    path: '/flavors/{id}/os-extra_specs',
    policy: 'os_compute_api:os-flavor-extra-specs:index',
    toOthers: 'hidden',
    handle: extraSpecs,
  }),
  route({
    method: 'GET',
    path: '/flavors/{id}/os-extra_specs/{key}',
    policy: 'os_compute_api:os-flavor-extra-specs:show',
    toOthers: 'hidden',
    handle: extraSpec,
  }),
];
