/** What is not built of servers. */
import { type Buried, refuseBuried } from '../../../../compute/servers/refusals.ts';
import { notImplemented } from '../../http/pipeline/http-error.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import { findWholeServer } from './find.ts';

/**
 * Refuses what is not built, as truly as it can: a server that is not there is not found as ever, and one in cell0 refuses in Nova's words.
 * @param buried how a server in cell0 refuses it; what Nova would accept there has none.
 * @throws HttpError 501, NotFound, Conflict, DatabaseUnreachable when the server's cell does not answer.
 */
export async function refuseUnbuilt(request: Pick<ApiRequest, 'caller' | 'params'>, buried: Buried | undefined): Promise<never> {
  refuseBuried(await findWholeServer(request), buried);
  throw notImplemented();
}
