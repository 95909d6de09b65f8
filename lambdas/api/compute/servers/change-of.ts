/** A change of a server's metadata or tags, as a request asks for it. */
import type { ChangeOf } from '../../../../compute/servers/change-metadata-or-tags.ts';
import type { ApiRequest } from '../../http/routing/route.ts';

/** Returns whose they are, and who changes them. */
export function changeOf({ caller, requestId, params }: Pick<ApiRequest, 'caller' | 'requestId' | 'params'>): ChangeOf {
  return { caller, requestId, server: params.id ?? '' };
}
