/** Volumes of a server: there is no volume service, so it has none and gets none. */
import * as z from 'zod';
import { NotFound } from '../../../../common/errors.ts';
import { authorize } from '../../../../common/policy.ts';
import { checkState, checkVmState } from '../../../../compute/servers/check-state.ts';
import { type Route, route } from '../../http/routing/route.ts';
import type { Microversion } from '../microversions.ts';
import { booleanValue, tag, uuid, when } from '../shared/parameters.ts';
import { limit, parameters } from '../shared/query-parameters.ts';
import { findWholeServer } from './find.ts';
import { refusingServerRoute } from './refusing-server-route.ts';

const path = '/servers/{id}/os-volume_attachments';
const itemPath = `${path}/{item}` as const;

const device = z
  .string()
  .regex(/(^\/dev\/x{0,1}[a-z]{0,1}d{0,1})([a-z]+)[0-9]*$/)
  .nullish();

function attachBody(microversion: Microversion) {
  return z.strictObject({
    volumeAttachment: z.strictObject({
      volumeId: uuid,
      device,
      tag: when(microversion.has('attachmentTags'), 'tag', tag),
      delete_on_termination: when(microversion.has('volumesOutlive'), 'delete_on_termination', booleanValue),
    }),
  });
}

/** An attachment is changed since 2.85; before, it got another volume. */
function updateBody(microversion: Microversion) {
  const changes = {
    device,
    tag: tag.optional(),
    delete_on_termination: booleanValue.optional(),
    serverId: uuid.optional(),
    id: uuid.optional(),
  };
  const volumeAttachment = z.strictObject({ volumeId: uuid, ...(microversion.has('attachmentChanges') ? changes : {}) });
  return z.strictObject({ volumeAttachment });
}

const attachable = ['active', 'paused', 'stopped', 'resized', 'soft-delete', 'shelved', 'shelved_offloaded'] as const;
const unshelved = attachable.filter((state) => !state.startsWith('shelved'));

const noVolume = (id: string) => new NotFound(`Volume ${id} could not be found.`);

/** The routes of a server's volumes. */
export const volumeAttachmentRoutes: readonly Route[] = [
  route({
    ...{ method: 'GET', path, policy: 'os_compute_api:os-volumes-attachments:index', toOthers: 'hidden' },
    query: (microversion) => parameters(microversion, { limit, offset: limit }),
    async handle(request) {
      await findWholeServer(request);
      return { status: 200, body: { volumeAttachments: [] } };
    },
  }),
  refusingServerRoute(
    { method: 'GET', path: itemPath, policy: 'os_compute_api:os-volumes-attachments:show', refusal: 404 },
    ({ mapping: { uuid: id } }, { params }) => new NotFound(`Instance ${id} is not attached to volume ${params.item}`),
  ),
  refusingServerRoute<z.infer<ReturnType<typeof attachBody>>>(
    { method: 'POST', path, policy: 'os_compute_api:os-volumes-attachments:create', refusal: 404, body: attachBody },
    ({ instance }, { caller, microversion, body }) => {
      if (instance.vm_state.startsWith('shelved') && !microversion.has('shelvedVolumes')) {
        checkVmState(instance.uuid, 'attach_volume', instance.vm_state, unshelved);
      }
      checkState(caller, instance, 'attach_volume', attachable);
      return noVolume(body.volumeAttachment.volumeId);
    },
  ),
  refusingServerRoute<z.infer<ReturnType<typeof updateBody>>>(
    { method: 'PUT', path: itemPath, policy: 'os_compute_api:os-volumes-attachments:update', refusal: 404, body: updateBody },
    (_, { caller, microversion, params, body }) => {
      const { item = '' } = params;
      const changes = microversion.has('attachmentChanges');
      if (!changes || body.volumeAttachment.volumeId !== item) authorize(caller, 'os_compute_api:os-volumes-attachments:swap');
      return changes ? new NotFound(`No volume Block Device Mapping with id ${item}.`) : noVolume(item);
    },
  ),
  refusingServerRoute(
    { method: 'DELETE', path: itemPath, policy: 'os_compute_api:os-volumes-attachments:delete', refusal: 404 },
    ({ instance }, { microversion, params }) => {
      if (instance.vm_state.startsWith('shelved') && !microversion.has('shelvedVolumes')) {
        checkVmState(instance.uuid, 'detach_volume', instance.vm_state, unshelved);
      }
      return noVolume(params.item ?? '');
    },
  ),
];
