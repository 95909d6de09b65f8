/** A delete as a request asks for it: by DELETE, or by force, which is the same where nothing deleted can be restored. */
import { deleteServer } from '../../../../compute/servers/delete-server.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { hostDriver } from '../../../shared/host-driver.ts';
import { scheduleReaper } from '../../../workflows/reaper/schedule.ts';
import type { ApiRequest } from '../../http/routing/route.ts';

/** @throws what deleteServer throws. */
export async function removeServer({ caller, requestId, params }: Pick<ApiRequest, 'caller' | 'requestId' | 'params'>): Promise<void> {
  await scheduleReaper();
  await deleteServer(apiDatabase(), hostDriver(), caller, requestId, params.id ?? '');
}
