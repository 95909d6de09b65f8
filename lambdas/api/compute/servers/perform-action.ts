/** An action as a request asks for it: a reaper will look after it before it begins, and an error of its host is for our log, since it is accepted. */
import type { ChangeOf } from '../../../../compute/servers/change-in-cell.ts';
import { deleteServer } from '../../../../compute/servers/delete-server.ts';
import { restoreServer } from '../../../../compute/servers/restore-server.ts';
import { type ActionRequest, beginAction } from '../../../../compute/servers/tasks/begin-action.ts';
import type { Tasks } from '../../../../compute/servers/tasks/tasks.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { hostDriver } from '../../../shared/host-driver.ts';
import { identify, log } from '../../../shared/observation/invocation.ts';
import { settings } from '../../../shared/settings.ts';
import { scheduleReaper } from '../../../workflows/reaper/schedule.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import { changeOf } from './change-of.ts';

type Asked = Pick<ApiRequest, 'caller' | 'requestId' | 'params'>;

async function perform(request: Asked, begin: (tasks: Tasks, of: ChangeOf) => Promise<{ error?: unknown }>): Promise<void> {
  const of = changeOf(request);
  identify({ servers: [of.server] });
  await scheduleReaper();
  const { error } = await begin({ api: apiDatabase(), driver: hostDriver(), settings: settings() }, of);
  if (error !== undefined) log().warn('the host was not asked; the reaper does it', { error });
}

/** @throws what beginAction throws. */
export function performAction(request: Asked, asked: Pick<ActionRequest, 'action' | 'arguments' | 'seal'>): Promise<void> {
  return perform(request, ({ api, driver, settings }, of) => beginAction(api, driver, { ...of, ...asked }, settings));
}

/** @throws what restoreServer throws. */
export function performRestore(request: Asked): Promise<void> {
  return perform(request, restoreServer);
}

/** Deletes a server: so that it can be restored where this deployment has it so, or by force. @throws what deleteServer throws. */
export function performDelete(request: Asked, manner: 'restorable' | 'by force'): Promise<void> {
  return perform(request, ({ api, driver, settings }, { caller, requestId, server }) =>
    deleteServer(api, driver, caller, requestId, server, manner === 'restorable' ? settings : undefined),
  );
}
