/** An action as a request asks for it: a reaper will look after it before it begins, and an error of its host is for our log, since it is accepted. */
import { type ActionRequest, beginAction } from '../../../../compute/servers/tasks/begin-action.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { hostDriver } from '../../../shared/host-driver.ts';
import { identify, log } from '../../../shared/observation/invocation.ts';
import { settings } from '../../../shared/settings.ts';
import { scheduleReaper } from '../../../workflows/reaper/schedule.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import { changeOf } from './change-of.ts';

/** @throws what beginAction throws. */
export async function performAction(
  request: Pick<ApiRequest, 'caller' | 'requestId' | 'params'>,
  asked: Pick<ActionRequest, 'action' | 'arguments' | 'seal'>,
): Promise<void> {
  const of = changeOf(request);
  identify({ servers: [of.server] });
  await scheduleReaper();
  const { error } = await beginAction(apiDatabase(), hostDriver(), { ...of, ...asked }, settings());
  if (error !== undefined) log().warn('the host was not asked; the reaper does it', { error });
}
