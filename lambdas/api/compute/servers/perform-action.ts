/** What a request asks for that a host, or the reaper, carries on: a reaper will look after it before it begins, and an error is for our log, since it is accepted. */
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

/**
 * Begins what a request asks of a server.
 * @param begin returns an error that came after it was accepted.
 * @throws what `begin` throws.
 */
export async function perform<Begun extends { error?: unknown }>(
  request: Asked,
  begin: (tasks: Tasks, of: ChangeOf) => Promise<Begun>,
): Promise<Begun> {
  const of = changeOf(request);
  identify({ servers: [of.server] });
  await scheduleReaper();
  const begun = await begin({ api: apiDatabase(), driver: hostDriver(), settings: settings() }, of);
  if (begun.error !== undefined) log().warn('it is left to the reaper', { error: begun.error });
  return begun;
}

/** @throws what beginAction throws. */
export async function performAction(request: Asked, asked: Pick<ActionRequest, 'action' | 'arguments' | 'seal'>): Promise<void> {
  await perform(request, ({ api, driver, settings }, of) => beginAction(api, driver, { ...of, ...asked }, settings));
}

/** @throws what restoreServer throws. */
export async function performRestore(request: Asked): Promise<void> {
  await perform(request, restoreServer);
}

/** Deletes a server: so that it can be restored where this deployment has it so, or by force. @throws what deleteServer throws. */
export async function performDelete(request: Asked, manner: 'restorable' | 'by force'): Promise<void> {
  await perform(request, ({ api, driver, settings }, { caller, requestId, server }) =>
    deleteServer(api, driver, caller, requestId, server, manner === 'restorable' ? settings : undefined),
  );
}
