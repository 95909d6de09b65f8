/** A change of a server, as a request asks for it. */
import type { ChangeOf } from '../../../../compute/servers/change-in-cell.ts';
import type { ApiRequest } from '../../http/routing/route.ts';

/** Returns which server is changed, and by whom. */
export function changeOf({ caller, requestId, params }: Pick<ApiRequest, 'caller' | 'requestId' | 'params'>): ChangeOf {
  return { caller, requestId, server: params.id ?? '' };
}
