/**
 * The actions of a server, as Nova has them, with their policies, microversions and bodies; what a task does stands in compute/servers/tasks/actions.ts by
 * the same name. Those that are still to be built answer 501 for a living server: one that is not there answers 404 as ever, and one in cell0 refuses in
 * Nova's words, so that nobody takes a missing action for a server that is gone.
 */
import { randomBytes } from 'node:crypto';
import type * as z from 'zod';
import { BadRequest, NotFound } from '../../../../common/errors.ts';
import type { Rule } from '../../../../common/policy.ts';
import { checkHost } from '../../../../compute/servers/check-state.ts';
import { lockServer, unlockServer } from '../../../../compute/servers/lock-server.ts';
import { resetState } from '../../../../compute/servers/reset-state.ts';
import { type ServerAction, serverActions } from '../../../../compute/servers/tasks/actions.ts';
import { findImage } from '../../../../image/images.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { sealOf } from '../../../shared/secrets.ts';
import { scheduleReaper } from '../../../workflows/reaper/schedule.ts';
import { gone, malformed } from '../../http/pipeline/http-error.ts';
import { actionBody, actionRoute } from '../../http/routing/action-route.ts';
import { refusingRoute } from '../../http/routing/refusing-route.ts';
import { type ApiRequest, type Refusal, type Route, type RouteDefinition, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import {
  consoleOutputBody,
  crashDumpBody,
  lockBody,
  migrateBody,
  passwordBody,
  rebootBody,
  rescueBody,
  resizeBody,
  stateBody,
} from './action-bodies.ts';
import { addressActions } from './address-actions.ts';
import { changeOf } from './change-of.ts';
import { showConsoleOutput } from './console-output.ts';
import { consoleBody, refuseConsole } from './consoles.ts';
import { findWholeServer } from './find.ts';
import { imageActions } from './images.ts';
import { endingResize, migrate, resize } from './move-actions.ts';
import { performAction, performDelete, performRestore } from './perform-action.ts';
import { rebuildAction } from './rebuild.ts';
import { refuseUnbuilt, type Unbuilt } from './refuse-unbuilt.ts';

const path = '/servers/{id}/action';

type Range = Pick<RouteDefinition<unknown, unknown>, 'from' | 'until'>;

interface Options extends Range {
  toOthers?: 'forbidden';
  refusal?: Refusal;
}

/** The schema of a body whose content is not read. */
const anyBody = () => actionBody;

/** An action that is over when it is answered: with 202, or with what it returns. */
function act<Body>(
  policy: Rule,
  body: (microversion: Microversion) => z.ZodType<Body>,
  run: (request: ApiRequest<Body>) => Promise<object | undefined>,
  options: Options = {},
): Route {
  return route<Body>({
    ...{ method: 'POST', path, policy, toOthers: 'hidden', body, ...options },
    async handle(request) {
      const answer = await run(request);
      return answer ? { status: 200, body: answer } : { status: 202 };
    },
  });
}

/** An action that begins a task. */
function begin(policy: Rule, action: ServerAction, body: () => z.ZodType<object> = anyBody, options: Options = {}): Route {
  return act(
    policy,
    body,
    async (request) => {
      await performAction(request, { action });
      return undefined;
    },
    options,
  );
}

/** An action that is not built. */
function unbuilt(policy: Rule, word?: string, ...vmStates: Unbuilt['vmStates']): Route {
  return route<object>({
    ...{ method: 'POST', path, policy, toOthers: 'hidden', refusal: 501, body: () => actionBody },
    handle: (request) => refuseUnbuilt(request, word === undefined ? undefined : { word, vmStates }),
  });
}

/** An action that Nova itself has taken away. */
function removed(refusal: Refusal, answer: () => Error, range: Range = {}): Route {
  return refusingRoute({ method: 'POST', path, policy: '@', toOthers: 'shared', refusal, ...range, body: () => actionBody }, answer);
}

async function reboot(request: ApiRequest<z.infer<typeof rebootBody>>) {
  const hard = request.body.reboot.type.toUpperCase() === 'HARD';
  await performAction(request, { action: hard ? serverActions.hardReboot : serverActions.softReboot });
  return undefined;
}

async function rescue(request: ApiRequest<z.infer<typeof rescueBody>>) {
  const { adminPass = randomBytes(9).toString('base64url'), rescue_image_ref: image } = request.body.rescue ?? {};
  if (image !== undefined) {
    await findImage(apiDatabase(), request.caller, image).catch((error: unknown) => {
      if (!(error instanceof NotFound)) throw error;
      throw new BadRequest(`Requested rescue image '${image}' is not supported`);
    });
  }
  await performAction(request, {
    ...{ action: serverActions.rescue, arguments: image === undefined ? {} : { image } },
    seal: sealOf({ admin_password: adminPass, files: [] }),
  });
  return { adminPass };
}

async function changePassword(request: ApiRequest<z.infer<typeof passwordBody>>) {
  const { adminPass } = request.body.changePassword;
  await performAction(request, { action: serverActions.changePassword, seal: sealOf({ admin_password: adminPass, files: [] }) });
  return undefined;
}

async function lock(request: ApiRequest<{ lock: { locked_reason?: string | undefined } | null }>) {
  await lockServer(apiDatabase(), changeOf(request), request.body.lock?.locked_reason ?? null);
  return undefined;
}

async function unlock(request: ApiRequest<object>) {
  await unlockServer(apiDatabase(), changeOf(request));
  return undefined;
}

async function setState(request: ApiRequest<z.infer<typeof stateBody>>) {
  await scheduleReaper();
  await resetState(apiDatabase(), changeOf(request), request.body['os-resetState'].state);
  return undefined;
}

async function restore(request: ApiRequest<object>) {
  await performRestore(request);
  return undefined;
}

/** There is no network of which a host could be informed again. */
async function injectNetworkInfo(request: ApiRequest<object>) {
  const { instance } = await findWholeServer(request);
  checkHost(instance);
  return undefined;
}

async function forceDelete(request: ApiRequest<object>) {
  await performDelete(request, 'by force');
  return undefined;
}

const untilRemoteConsoles = { until: 'remoteConsoles' } as const;

/** An action that asks for a console. */
function consoleAction(name: Parameters<typeof consoleBody>[0]): Route {
  return route<z.infer<ReturnType<typeof consoleBody>>>({
    ...{ method: 'POST', path, policy: 'os_compute_api:os-remote-consoles', toOthers: 'hidden', refusal: 400, ...untilRemoteConsoles },
    body: () => consoleBody(name),
    handle: (request) => refuseConsole(request, request.body[name].type),
  });
}

const actions: Readonly<Record<string, Route>> = {
  forceDelete: act('os_compute_api:os-deferred-delete:force', anyBody, forceDelete),
  restore: act('os_compute_api:os-deferred-delete:restore', anyBody, restore),

  reboot: act('os_compute_api:servers:reboot', () => rebootBody, reboot),
  rebuild: rebuildAction,
  'os-start': begin('os_compute_api:servers:start', serverActions.start),
  'os-stop': begin('os_compute_api:servers:stop', serverActions.stop),
  trigger_crash_dump: begin('os_compute_api:servers:trigger_crash_dump', serverActions.triggerCrashDump, () => crashDumpBody, {
    from: 'crashDumps',
  }),
  pause: begin('os_compute_api:os-pause-server:pause', serverActions.pause),
  unpause: begin('os_compute_api:os-pause-server:unpause', serverActions.unpause),
  suspend: begin('os_compute_api:os-suspend-server:suspend', serverActions.suspend),
  resume: begin('os_compute_api:os-suspend-server:resume', serverActions.resume),
  rescue: act('os_compute_api:os-rescue', () => rescueBody, rescue),
  unrescue: begin('os_compute_api:os-unrescue', serverActions.unrescue),
  shelve: unbuilt('os_compute_api:os-shelve:shelve', 'shelve', 'active', 'stopped', 'paused', 'suspended'),
  shelveOffload: unbuilt('os_compute_api:os-shelve:shelve_offload', 'shelveOffload', 'shelved'),
  unshelve: unbuilt('os_compute_api:os-shelve:unshelve', 'unshelve', 'shelved', 'shelved_offloaded'),
  lock: act('os_compute_api:os-lock-server:lock', lockBody, lock),
  unlock: act('os_compute_api:os-lock-server:unlock', anyBody, unlock),

  resize: act('os_compute_api:servers:resize', () => resizeBody, resize),
  confirmResize: act('os_compute_api:servers:confirm_resize', anyBody, endingResize('confirmResize')),
  revertResize: act('os_compute_api:servers:revert_resize', anyBody, endingResize('revertResize')),
  migrate: act('os_compute_api:os-migrate-server:migrate', migrateBody, migrate, { toOthers: 'forbidden' }),
  'os-migrateLive': unbuilt('os_compute_api:os-migrate-server:migrate_live', 'os-migrateLive', 'active', 'paused'),
  evacuate: unbuilt('os_compute_api:os-evacuate'),

  ...imageActions,

  changePassword: act('os_compute_api:os-admin-password', () => passwordBody, changePassword),
  'os-getConsoleOutput': act('os_compute_api:os-console-output', () => consoleOutputBody, showConsoleOutput),
  'os-getVNCConsole': consoleAction('os-getVNCConsole'),
  'os-getSPICEConsole': consoleAction('os-getSPICEConsole'),
  'os-getSerialConsole': consoleAction('os-getSerialConsole'),
  'os-getRDPConsole': removed(400, malformed, untilRemoteConsoles),

  ...addressActions,

  'os-resetState': act('os_compute_api:os-admin-actions:reset_state', () => stateBody, setState, { toOthers: 'forbidden' }),
  injectNetworkInfo: act('os_compute_api:os-admin-actions:inject_network_info', anyBody, injectNetworkInfo, { toOthers: 'forbidden' }),
  resetNetwork: removed(410, gone),
};

/** The one route of all actions of a server. */
export const serverActionRoute: Route = actionRoute(path, 'hidden', new Map(Object.entries(actions)));
