/** Shares of a server: there is no service of shares, so it has none and gets none. */
import * as z from 'zod';
import { NotFound } from '../../../../common/errors.ts';
import { checkVmState } from '../../../../compute/servers/check-state.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { text, uuid } from '../shared/parameters.ts';
import { findWholeServer } from './find.ts';
import { refusingServerRoute } from './refusing-server-route.ts';

const all = { path: '/servers/{id}/shares', from: 'shares' } as const;
const one = { ...all, path: '/servers/{id}/shares/{item}' } as const;

const shareTag = text(255, 1).regex(/^[a-zA-Z0-9-]*$/);
const body = z.strictObject({ share: z.strictObject({ share_id: uuid, tag: shareTag.optional() }) });

const noShare = (id: string) => new NotFound(`Share ${id} could not be found.`);

/** The routes of a server's shares; a running one refuses to get or lose one. */
export const shareRoutes: readonly Route[] = [
  route({
    ...{ ...all, method: 'GET', policy: 'os_compute_api:os-server-shares:index', toOthers: 'hidden' },
    async handle(request) {
      await findWholeServer(request);
      return { status: 200, body: { shares: [] } };
    },
  }),
  refusingServerRoute({ ...one, method: 'GET', policy: 'os_compute_api:os-server-shares:show', refusal: 404 }, (_, { params }) =>
    noShare(params.item ?? ''),
  ),
  refusingServerRoute<z.infer<typeof body>>(
    { ...all, method: 'POST', policy: 'os_compute_api:os-server-shares:create', refusal: 409, body: () => body },
    ({ instance }, request) => {
      checkVmState(instance.uuid, 'create share', instance.vm_state, ['stopped']);
      return noShare(request.body.share.share_id);
    },
  ),
  refusingServerRoute(
    { ...one, method: 'DELETE', policy: 'os_compute_api:os-server-shares:delete', refusal: 409 },
    ({ instance }, { params }) => {
      checkVmState(instance.uuid, 'delete share', instance.vm_state, ['stopped', 'error']);
      return noShare(params.item ?? '');
    },
  ),
];
