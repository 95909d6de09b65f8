/** Images made of a server, as requests ask for them. */
import type * as z from 'zod';
import { createImage, type ImageRequest } from '../../../../compute/servers/tasks/create-image.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import { backupBody, imageBody } from './action-bodies.ts';
import { perform } from './perform-action.ts';

const action = { method: 'POST', path: '/servers/{id}/action', toOthers: 'hidden' } as const;

/** The actions, by their names. */
export const imageActions: Readonly<Record<string, Route>> = {
  createImage: route<z.infer<typeof imageBody>>({
    ...{ ...action, policy: 'os_compute_api:servers:create_image', body: () => imageBody },
    async handle(request) {
      const { name, metadata = {} } = request.body.createImage;
      return answer(request, await begin(request, { name, metadata }));
    },
  }),
  createBackup: route<z.infer<typeof backupBody>>({
    ...{ ...action, policy: 'os_compute_api:os-create-backup', body: () => backupBody },
    async handle(request) {
      const { name, metadata = {}, backup_type: type, rotation } = request.body.createBackup;
      const image = await begin(request, { name, metadata, backup: { type, rotation } });
      return answer(request, image, rotation > 0);
    },
  }),
};

type Asked = Pick<ImageRequest, 'name' | 'metadata' | 'backup'>;

async function begin(request: Pick<ApiRequest, 'caller' | 'requestId' | 'params' | 'microversion'>, asked: Asked): Promise<string> {
  const counted = !request.microversion.has('noImageMetadata');
  const { image } = await perform(request, ({ api, driver, settings }, of) =>
    createImage(api, driver, { ...of, ...asked, counted }, settings),
  );
  return image;
}

/** @param isKept whether the image will be there: a rotation of 0 removes the new backup as well. */
function answer({ microversion, baseUrl }: Pick<ApiRequest, 'microversion' | 'baseUrl'>, image: string, isKept = true) {
  if (microversion.has('imageIds')) return { status: 202, body: { image_id: image } };
  return { status: 202, ...(isKept && { headers: { Location: `${baseUrl}/image/v2/images/${image}` } }) };
}
