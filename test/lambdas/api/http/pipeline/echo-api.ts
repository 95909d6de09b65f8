/** An API of a few routes, through the whole pipeline: what it echoes and how it fails is a test's. */
import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import * as z from 'zod';
import { Conflict, Forbidden, NotFound } from '../../../../../common/errors.ts';
import { DatabaseUnreachable } from '../../../../../database/data-api/client.ts';
import { locateCompute } from '../../../../../lambdas/api/compute/paths.ts';
import { versionRoutes } from '../../../../../lambdas/api/compute/versions/routes.ts';
import { createApi } from '../../../../../lambdas/api/http/pipeline/create-api.ts';
import { novaFault } from '../../../../../lambdas/api/http/pipeline/fault-bodies.ts';
import { route } from '../../../../../lambdas/api/http/routing/route.ts';
import { issueToken } from '../../../../../lambdas/api/http/tokens/issue-token.ts';
import { ServiceUnreachable } from '../../../../../lambdas/shared/in-time.ts';
import { createKms } from '../../../../../local/aws/kms.ts';
import { type Aws, startAws } from '../../../../../local/aws/server.ts';
import { asking } from '../../events.ts';

/** The project of the token. */
export const project = 'b'.repeat(32);
/** What `/fail/{how}` throws. */
export const failures: Record<string, Error> = {
  missing: new NotFound('Instance x could not be found.'),
  busy: new Conflict("Cannot 'pause' instance x while it is in vm_state error"),
  quota: new Forbidden('Quota exceeded'),
  asleep: new DatabaseUnreachable('api does not answer: secret detail'),
  throttled: new ServiceUnreachable('ThrottlingException: secret detail'),
  broken: new TypeError('secret detail', { cause: new Error('deeper detail') }),
};

/** Sends a request to an API of a few routes. */
export const ask = asking(
  createApi({
    name: 'compute',
    locate: locateCompute,
    faultBody: novaFault,
    routes: [
      ...versionRoutes,
      route({
        method: 'GET',
        path: '/echo/{id}',
        policy: 'os_compute_api:servers:show',
        toOthers: 'shared',
        query: () => z.object({ tag: z.array(z.string()).optional() }),
        handle: async ({ params, query, caller, microversion, baseUrl }) => ({
          status: 200,
          body: { params, query, caller, microversion: Number(String(microversion).slice('2.'.length)), baseUrl },
        }),
      }),
      route({
        method: 'POST',
        path: '/echo',
        policy: 'os_compute_api:servers:create',
        toOthers: 'shared',
        body: (microversion) =>
          microversion.has('serverDescription')
            ? z.strictObject({ name: z.string(), description: z.string() })
            : z.strictObject({ name: z.string() }),
        handle: async ({ body }) => ({ status: 202, body, headers: { Location: 'here' } }),
      }),
      route({
        method: 'DELETE',
        path: '/echo/{id}',
        policy: 'os_compute_api:os-flavor-manage:delete',
        toOthers: 'shared',
        handle: async () => ({ status: 204 }),
      }),
      route({
        method: 'GET',
        path: '/late',
        from: 'completeQuotaClasses',
        policy: 'os_compute_api:servers:show',
        toOthers: 'shared',
        handle: async () => ({ status: 200, body: {} }),
      }),
      route({
        method: 'GET',
        path: '/fail/{how}',
        policy: 'os_compute_api:servers:show',
        toOthers: 'shared',
        async handle({ params }) {
          throw failures[params.how ?? ''];
        },
      }),
    ],
  }),
);

/** A member's token, once the keys are there. */
export let token: string;

/** Makes the keys that tokens are signed and checked with. */
export function signTokens(): void {
  let aws: Aws;
  beforeAll(async () => {
    const kms = await createKms({ folder: undefined });
    aws = await startAws({ services: [kms.service] });
    Object.assign(process.env, aws.environment, { TOKEN_KEY: kms.token.keyArn, TOKEN_PUBLIC_KEY: kms.token.publicKey, PUBLIC_URL: '' });
    token = await tokenWith('member');
  });
  afterAll(() => aws.close());
  afterEach(() => {
    process.env.PUBLIC_URL = '';
    vi.restoreAllMocks();
  });
}

/** Returns a token of someone in a role. */
export async function tokenWith(role: string): Promise<string> {
  const named = (id: string, name: string) => ({ id: id.repeat(32), name });
  const { text } = await issueToken({
    user: named('a', 'ann'),
    project: named('b', 'blue'),
    roles: [named('c', role)],
    methods: ['password'],
  });
  return text;
}
