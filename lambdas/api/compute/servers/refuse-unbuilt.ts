/** What is not built of servers. */
import { cell0 } from '../../../../compute/cells/cell0.ts';
import { checkState } from '../../../../compute/servers/check-state.ts';
import type { Instance } from '../../../../compute/servers/find-server.ts';
import { notImplemented } from '../../http/pipeline/http-error.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import { findWholeServer } from './find.ts';

/** What Nova calls an action, and the states in which it accepts it. */
export interface Unbuilt {
  word: string;
  vmStates: readonly Instance['vm_state'][];
}

/**
 * Refuses what is not built, as truly as it can: a server that is not there is not found as ever, and one in cell0 refuses in Nova's words.
 * @param action without one, Nova has other words for a server in cell0.
 * @throws HttpError 501, NotFound, Conflict, DatabaseUnreachable when the server's cell does not answer.
 */
export async function refuseUnbuilt(request: Pick<ApiRequest, 'caller' | 'params'>, action: Unbuilt | undefined): Promise<never> {
  const { mapping, instance } = await findWholeServer(request);
  if (action && mapping.cell?.uuid === cell0) checkState(request.caller, instance, action.word, action.vmStates);
  throw notImplemented();
}
