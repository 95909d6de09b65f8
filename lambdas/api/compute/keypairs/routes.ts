/** The os-keypairs resource: what users have at hand to get into their servers. Everybody has their own; an admin reaches those of others since 2.10. */

import * as z from 'zod';
import type { KeyPair } from '../../../../compute/keypairs/keypairs.ts';
import { createKeyPair, deleteKeyPair, findKeyPair, listKeyPairs } from '../../../../compute/keypairs/keypairs.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { mostOnPage } from '../servers/list-query.ts';
import { nextLink } from '../shared/links.ts';
import { name, text } from '../shared/parameters.ts';
import { anyText, limit, parameters } from '../shared/query-parameters.ts';
import { microseconds } from '../shared/times.ts';

/** The microversion from which wrong parameters are refused; listing, showing and deleting share the user's. */
function itemQuery(microversion: Microversion) {
  return parameters(microversion, { user_id: anyText });
}
type ItemQuery = z.infer<ReturnType<typeof itemQuery>>;

function listQuery(microversion: Microversion) {
  const paged = microversion.has('keypairPages');
  return parameters(microversion, { user_id: anyText, marker: anyText, limit: paged ? limit : anyText });
}
type ListQuery = z.infer<ReturnType<typeof listQuery>>;

function createBody(microversion: Microversion): z.ZodType<CreateBody> {
  const importOnly = microversion.has('noGeneratedKeypairs');
  const keypair = z.strictObject({
    name: name.regex(importOnly ? /^[_\-@. a-zA-Z0-9]+$/ : /^[_\- a-zA-Z0-9]+$/),
    public_key: importOnly ? z.string() : z.string().optional(),
    type: z.enum(['ssh', 'x509']).default('ssh'),
    user_id: text(255).optional(),
  });
  if (microversion.has('keypairsOfOthers')) return z.strictObject({ keypair });
  return z.strictObject({ keypair: keypair.omit(microversion.has('keypairTypes') ? { user_id: true } : { user_id: true, type: true }) });
}

interface CreateBody {
  keypair: { name: string; public_key?: string | undefined; type?: KeyPair['type']; user_id?: string | undefined };
}

/** Whose key pairs are meant: the caller's unless another is named, the first of several. */
function userOf({ caller, microversion, query }: ApiRequest<undefined, ItemQuery>): string {
  return (microversion.has('keypairsOfOthers') && query.user_id?.[0]) || caller.userId;
}

function summary({ name, public_key, fingerprint, type }: KeyPair, microversion: Microversion) {
  return { name, public_key, fingerprint, ...(microversion.has('keypairTypes') && { type }) };
}

async function create({ body: { keypair }, caller, microversion, requestId }: ApiRequest<CreateBody>) {
  const { keyPair, privateKey } = await createKeyPair(apiDatabase(), caller, requestId, {
    name: keypair.name,
    user_id: keypair.user_id || caller.userId,
    type: keypair.type ?? 'ssh',
    publicKey: keypair.public_key,
  });
  const { user_id } = keyPair;
  return {
    status: microversion.has('keypairTypes') ? 201 : 200,
    body: { keypair: { ...summary(keyPair, microversion), user_id, ...(privateKey !== undefined && { private_key: privateKey }) } },
  };
}

async function list(request: ApiRequest<undefined, ListQuery>) {
  const { baseUrl, caller, microversion, query } = request;
  const paged = microversion.has('keypairPages');
  const most = Math.min(Number(query.limit?.at(-1) ?? mostOnPage), mostOnPage);
  const page = paged ? { marker: query.marker?.at(-1) ?? null, limit: most } : { marker: null, limit: null };
  const keyPairs = await listKeyPairs(apiDatabase(), caller, userOf(request), page);
  const last = paged && keyPairs.length === most ? keyPairs.at(-1) : undefined;
  return {
    status: 200,
    body: {
      keypairs: keyPairs.map((keyPair) => ({ keypair: summary(keyPair, microversion) })),
      ...nextLink(baseUrl, '/os-keypairs', 'keypairs_links', query, last?.name ?? null),
    },
  };
}

async function show(request: ApiRequest<undefined, ItemQuery>) {
  const { caller, microversion, params } = request;
  const keyPair = await findKeyPair(apiDatabase(), caller, userOf(request), params.name ?? '');
  const { id, user_id, created_at, updated_at } = keyPair;
  return {
    status: 200,
    body: {
      keypair: {
        ...summary(keyPair, microversion),
        id,
        user_id,
        created_at: microseconds(created_at),
        updated_at: updated_at && microseconds(updated_at),
        deleted: false,
        deleted_at: null,
      },
    },
  };
}

async function remove(request: ApiRequest<undefined, ItemQuery>) {
  await deleteKeyPair(apiDatabase(), request.caller, userOf(request), request.params.name ?? '');
  return { status: request.microversion.has('keypairTypes') ? 204 : 202 };
}

/** The routes of the os-keypairs resource. Its policy is the owner, whatever their role, so it is checked where the owner is known. */
export const keypairRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/os-keypairs',
    policy: 'os_compute_api:os-keypairs:create',
    toOthers: 'forbidden',
    body: createBody,
    handle: create,
  }),
  route({
    method: 'GET',
    path: '/os-keypairs',
    policy: 'os_compute_api:os-keypairs:index',
    toOthers: 'own',
    query: listQuery,
    handle: list,
  }),
  route({
    method: 'GET',
    path: '/os-keypairs/{name}',
    policy: 'os_compute_api:os-keypairs:show',
    toOthers: 'forbidden',
    query: itemQuery,
    handle: show,
  }),
  route({
    method: 'DELETE',
    path: '/os-keypairs/{name}',
    policy: 'os_compute_api:os-keypairs:delete',
    toOthers: 'forbidden',
    query: itemQuery,
    handle: remove,
  }),
];
