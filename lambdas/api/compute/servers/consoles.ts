/** Consoles that a browser opens. Simulated hosts have none, which Nova answers as a type of console that is not available. */
import * as z from 'zod';
import { BadRequest, NotFound } from '../../../../common/errors.ts';
import { checkHost } from '../../../../compute/servers/check-state.ts';
import { malformed } from '../../http/pipeline/http-error.ts';
import { refusingRoute } from '../../http/routing/refusing-route.ts';
import type { ApiRequest, Route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { findWholeServer } from './find.ts';

const types = {
  'os-getVNCConsole': ['novnc', 'xvpvnc'],
  'os-getSPICEConsole': ['spice-html5'],
  'os-getSerialConsole': ['serial'],
} as const;

/** The schema of an action that asks for a console, before consoles were a resource. */
export function consoleBody(action: keyof typeof types) {
  return z.record(z.literal(action), z.strictObject({ type: z.enum(types[action]) }));
}

/** The schema of a console as a resource. */
export function remoteConsoleBody(microversion: Microversion) {
  const protocols: string[] = ['vnc', 'spice', 'serial', 'rdp'];
  const kinds: string[] = ['novnc', 'xvpvnc', 'spice-html5', 'serial', 'rdp-html5'];
  if (microversion.has('mksConsoles')) {
    protocols.push('mks');
    kinds.push('webmks');
  }
  if (microversion.has('directSpice')) kinds.push('spice-direct');
  return z.strictObject({ remote_console: z.strictObject({ protocol: z.enum(protocols), type: z.enum(kinds) }) });
}

/**
 * Refuses a console.
 * @throws NotFound when there is no such server for the caller, Conflict when it has no host, else BadRequest.
 */
export async function refuseConsole(request: Pick<ApiRequest, 'caller' | 'params'>, type: string): Promise<never> {
  const { instance } = await findWholeServer(request);
  checkHost(instance);
  throw unavailable(type);
}

/** Refuses a console as a resource; one that Nova has taken away, before the server is looked for. */
export async function refuseRemoteConsole(
  request: Pick<ApiRequest<z.infer<ReturnType<typeof remoteConsoleBody>>>, 'body' | 'caller' | 'params'>,
): Promise<never> {
  const { protocol, type } = request.body.remote_console;
  if (protocol === 'rdp') throw unavailable(protocol);
  return refuseConsole(request, type);
}

/** What a token of a console leads to. No console has one; before 2.31 it was for a kind of console that Nova has taken away. */
export const consoleTokenRoutes: readonly Route[] = [
  refusingRoute(
    {
      ...{ method: 'GET', path: '/os-console-auth-tokens/{id}', policy: 'os_compute_api:os-console-auth-tokens' },
      ...{ toOthers: 'forbidden', refusal: 400, until: 'consoleTokens' },
    },
    malformed,
  ),
  refusingRoute(
    {
      ...{ method: 'GET', path: '/os-console-auth-tokens/{id}', policy: 'os_compute_api:os-console-auth-tokens' },
      ...{ toOthers: 'forbidden', refusal: 404, from: 'consoleTokens' },
    },
    () => new NotFound('Token not found'),
  ),
];

function unavailable(type: string): BadRequest {
  return new BadRequest(`Unavailable console type ${type}.`);
}
