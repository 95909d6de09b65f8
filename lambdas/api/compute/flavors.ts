/** The flavors resource: list, show, create, delete, and the extra specs of one. */
import * as z from 'zod';
import { createFlavor, deleteFlavor, findFlavor, flavorScope, listFlavors } from '../../../compute/flavors.ts';
import type { Caller } from '../../../compute/policy.ts';
import type { Flavor, FlavorFilter } from '../../../database/api/flavors.ts';
import { apiDatabase } from '../../api-database.ts';
import { type ApiRequest, type QueryParameters, type Route, route } from '../http/route.ts';
import { nextLink, selfLinks } from './links.ts';
import { booleanWord, integerFrom, name, single } from './parameters.ts';
import { mostOnPage } from './server-query.ts';

const digits = single.pipe(z.string().regex(/^\d+$/).transform(Number));
const sortFields = {
  flavorid: 'flavorid',
  id: 'flavorid',
  name: 'name',
  memory_mb: 'memory_mb',
  ram: 'memory_mb',
  vcpus: 'vcpus',
  root_gb: 'root_gb',
  disk: 'root_gb',
  created_at: 'created_at',
} as const;

/** `none` stands for public and private ones alike. */
const isPublic = single.pipe(
  z.union([z.stringFormat('none', /^none$/i).transform(() => null), z.string().transform((word) => booleanWord.parse(word))]),
);

function listQuery(microversion: number, caller: Caller) {
  const fields = {
    is_public: isPublic.default(true),
    minDisk: digits.default(0),
    minRam: digits.default(0),
    sort_key: single.pipe(z.enum(Object.keys(sortFields) as (keyof typeof sortFields)[])).default('flavorid'),
    sort_dir: single.pipe(z.enum(['asc', 'desc'])).default('asc'),
    marker: single.optional(),
    limit: digits.default(mostOnPage),
  };
  const shape = microversion >= 75 ? z.strictObject(fields) : z.object(fields);
  return shape.transform((query): FlavorFilter => {
    const projectId = flavorScope(caller);
    return {
      projectId,
      isPublic: projectId === null ? query.is_public : null,
      minDisk: query.minDisk,
      minRam: query.minRam,
      sortKey: sortFields[query.sort_key],
      sortDirection: query.sort_dir,
      marker: query.marker ?? null,
      limit: Math.min(query.limit, mostOnPage),
    };
  });
}

const flavorName = name;
const description = z.string().max(65_535).nullable();

function createBody(microversion: number) {
  return z.strictObject({
    flavor: z.strictObject({
      name: flavorName,
      id: z
        .union([
          z
            .string()
            .min(1)
            .max(255)
            .regex(/^(?! )[a-zA-Z0-9. _-]+(?<! )$/),
          z.int().transform(String),
        ]) // Nova's ids of flavors
        .nullish(),
      ram: integerFrom(1),
      vcpus: integerFrom(1),
      disk: integerFrom(0),
      'OS-FLV-EXT-DATA:ephemeral': integerFrom(0).default(0),
      swap: integerFrom(0).default(0),
      rxtx_factor: z
        .union([
          z.number().positive(),
          z
            .string()
            .regex(/^\d+(\.\d+)?$/)
            .transform(Number),
        ])
        .default(1),
      'os-flavor-access:is_public': booleanWord.default(true),
      description: microversion >= 55 ? description.optional() : z.never().optional(),
    }),
  });
}

function flavorView(flavor: Flavor, { baseUrl, microversion }: { baseUrl: string; microversion: number }) {
  return {
    id: flavor.flavorid,
    name: flavor.name,
    ram: flavor.memory_mb,
    disk: flavor.root_gb,
    vcpus: flavor.vcpus,
    swap: flavor.swap === 0 && microversion < 75 ? '' : flavor.swap,
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral_gb,
    'OS-FLV-DISABLED:disabled': flavor.disabled,
    'os-flavor-access:is_public': flavor.is_public,
    rxtx_factor: flavor.rxtx_factor,
    links: selfLinks(baseUrl, 'flavors', flavor.flavorid),
    ...(microversion >= 55 ? { description: flavor.description } : {}),
    ...(microversion >= 61 ? { extra_specs: flavor.extra_specs } : {}),
  };
}

async function list(request: ApiRequest<undefined, FlavorFilter>, detail: boolean) {
  const { baseUrl, microversion, query } = request;
  const flavors = query.limit === 0 ? [] : await listFlavors(apiDatabase(), query);
  const full = flavors.length === query.limit;
  const parameters: QueryParameters = { limit: [String(query.limit)], sort_key: [query.sortKey], sort_dir: [query.sortDirection] };
  return {
    status: 200,
    body: {
      flavors: flavors.map((flavor) => (detail ? flavorView(flavor, request) : summary(flavor, baseUrl, microversion))),
      ...nextLink(
        baseUrl,
        detail ? '/flavors/detail' : '/flavors',
        'flavors_links',
        parameters,
        full ? (flavors.at(-1)?.flavorid ?? null) : null,
      ),
    },
  };
}

function summary({ flavorid, name, description }: Flavor, baseUrl: string, microversion: number) {
  return { id: flavorid, name, links: selfLinks(baseUrl, 'flavors', flavorid), ...(microversion >= 55 ? { description } : {}) };
}

async function show(request: ApiRequest) {
  const flavor = await findFlavor(apiDatabase(), request.caller, request.params.id ?? '');
  return { status: 200, body: { flavor: flavorView(flavor, request) } };
}

async function create(request: ApiRequest<z.infer<ReturnType<typeof createBody>>>) {
  const { flavor } = request.body;
  const created = await createFlavor(apiDatabase(), {
    flavorid: flavor.id ?? null,
    name: flavor.name,
    memory_mb: flavor.ram,
    vcpus: flavor.vcpus,
    root_gb: flavor.disk,
    ephemeral_gb: flavor['OS-FLV-EXT-DATA:ephemeral'],
    swap: flavor.swap,
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

/** The routes of the flavors resource. */
export const flavorRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/flavors',
    policy: 'os_compute_api:flavors',
    query: listQuery,
    handle: (request: ApiRequest<undefined, FlavorFilter>) => list(request, false),
  }),
  route({
    method: 'GET',
    path: '/flavors/detail',
    policy: 'os_compute_api:flavors',
    query: listQuery,
    handle: (request: ApiRequest<undefined, FlavorFilter>) => list(request, true),
  }),
  route({ method: 'GET', path: '/flavors/{id}', policy: 'os_compute_api:flavors', handle: show }),
  route({ method: 'POST', path: '/flavors', policy: 'os_compute_api:os-flavor-manage:create', body: createBody, handle: create }),
  route({ method: 'DELETE', path: '/flavors/{id}', policy: 'os_compute_api:os-flavor-manage:delete', handle: remove }),
  route({ method: 'GET', path: '/flavors/{id}/os-extra_specs', policy: 'os_compute_api:os-flavor-extra-specs:index', handle: extraSpecs }),
];
