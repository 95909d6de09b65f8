/**
 * The actions of a server, as Nova has them, with their policies and microversions. All but forceDelete are still to be built: a server that is not there
 * answers 404 as ever, one in cell0 refuses in Nova's words, and any other says 501, so that nobody takes a missing action for a server that is gone.
 */
import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import type { Rule } from '../../../../common/policy.ts';
import { inError, neverLaunched, withoutHost } from '../../../../compute/servers/refusals.ts';
import { gone } from '../../http/pipeline/http-error.ts';
import { actionBody, actionRoute } from '../../http/routing/action-route.ts';
import { refusingRoute } from '../../http/routing/refusing-route.ts';
import { type Refusal, type Route, type RouteDefinition, route } from '../../http/routing/route.ts';
import { addressActions } from './address-actions.ts';
import { removeServer } from './delete.ts';
import { refuseUnbuilt } from './refuse-unbuilt.ts';

const path = '/servers/{id}/action';

type Range = Pick<RouteDefinition<unknown, unknown>, 'from' | 'until'>;

const hardReboot = z.object({ reboot: z.object({ type: z.string().regex(/^hard$/i) }) });

/** An action that is not built. `buried` is how a server in cell0 refuses it; one that Nova would accept there has none. */
function unbuilt(policy: Rule, buried?: (uuid: string, body: object) => string, range: Range = {}): Route {
  return route<object>({
    ...{ method: 'POST', path, policy, toOthers: 'hidden', refusal: 501, ...range, body: () => actionBody },
    handle: (request) => refuseUnbuilt(request, buried && ((uuid) => buried(uuid, request.body))),
  });
}

/** An action that Nova itself has taken away. */
function removed(refusal: Refusal, answer: () => Error, range: Range = {}): Route {
  return refusingRoute({ method: 'POST', path, policy: '@', toOthers: 'shared', refusal, ...range, body: () => actionBody }, answer);
}

const console = 'os_compute_api:os-remote-consoles';
const untilRemoteConsoles = { until: 'remoteConsoles' } as const;

const actions: Readonly<Record<string, Route>> = {
  forceDelete: route<object>({
    ...{ method: 'POST', path, policy: 'os_compute_api:os-deferred-delete:force', toOthers: 'hidden', body: () => actionBody },
    async handle(request) {
      await removeServer(request);
      return { status: 202 };
    },
  }),
  restore: unbuilt('os_compute_api:os-deferred-delete:restore', inError('restore')),

  reboot: unbuilt('os_compute_api:servers:reboot', (uuid, body) =>
    (hardReboot.safeParse(body).success ? neverLaunched('reboot') : inError('reboot'))(uuid),
  ),
  rebuild: unbuilt('os_compute_api:servers:rebuild', neverLaunched('rebuild')),
  'os-start': unbuilt('os_compute_api:servers:start', withoutHost),
  'os-stop': unbuilt('os_compute_api:servers:stop', withoutHost),
  trigger_crash_dump: unbuilt('os_compute_api:servers:trigger_crash_dump', withoutHost, { from: 'crashDumps' }),
  pause: unbuilt('os_compute_api:os-pause-server:pause', inError('pause')),
  unpause: unbuilt('os_compute_api:os-pause-server:unpause', inError('unpause')),
  suspend: unbuilt('os_compute_api:os-suspend-server:suspend', inError('suspend')),
  resume: unbuilt('os_compute_api:os-suspend-server:resume', inError('resume')),
  rescue: unbuilt('os_compute_api:os-rescue', neverLaunched('rescue')),
  unrescue: unbuilt('os_compute_api:os-unrescue', inError('unrescue')),
  shelve: unbuilt('os_compute_api:os-shelve:shelve', inError('shelve')),
  shelveOffload: unbuilt('os_compute_api:os-shelve:shelve_offload', inError('shelveOffload')),
  unshelve: unbuilt('os_compute_api:os-shelve:unshelve', inError('unshelve')),
  lock: unbuilt('os_compute_api:os-lock-server:lock'),
  unlock: unbuilt('os_compute_api:os-lock-server:unlock'),

  resize: unbuilt('os_compute_api:servers:resize', inError('resize')),
  confirmResize: unbuilt('os_compute_api:servers:confirm_resize', inError('confirmResize')),
  revertResize: unbuilt('os_compute_api:servers:revert_resize', inError('revertResize')),
  migrate: unbuilt('os_compute_api:os-migrate-server:migrate', inError('migrate')),
  'os-migrateLive': unbuilt('os_compute_api:os-migrate-server:migrate_live', inError('os-migrateLive')),
  evacuate: unbuilt('os_compute_api:os-evacuate'),

  createImage: unbuilt('os_compute_api:servers:create_image', inError('createImage')),
  createBackup: unbuilt('os_compute_api:os-create-backup', inError('createBackup')),

  changePassword: unbuilt('os_compute_api:os-admin-password', inError('changePassword')),
  'os-getConsoleOutput': unbuilt('os_compute_api:os-console-output', withoutHost),
  'os-getVNCConsole': unbuilt(console, withoutHost, untilRemoteConsoles),
  'os-getSPICEConsole': unbuilt(console, withoutHost, untilRemoteConsoles),
  'os-getSerialConsole': unbuilt(console, withoutHost, untilRemoteConsoles),
  'os-getRDPConsole': removed(
    400,
    () => new BadRequest('The server could not comply with the request since it is either malformed or otherwise incorrect.'),
    untilRemoteConsoles,
  ),

  ...addressActions,

  'os-resetState': unbuilt('os_compute_api:os-admin-actions:reset_state'),
  injectNetworkInfo: unbuilt('os_compute_api:os-admin-actions:inject_network_info'),
  resetNetwork: removed(410, gone),
};

/** The one route of all actions of a server. */
export const serverActionRoute: Route = actionRoute(path, 'hidden', new Map(Object.entries(actions)));
