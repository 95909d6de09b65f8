/** The images that a new cloud starts with. Safe to do again with every deployment. */
import { ensureImage } from '../database/api/images.ts';
import { ensureProject } from '../database/api/projects.ts';
import type { Database } from '../database/data-api/client.ts';
import { cirros } from './cirros.ts';

/** Adds CirrOS, owned by the project admin; an image that exists stays as it is. */
export async function seedImages(api: Database): Promise<void> {
  await ensureImage(api, cirros(await ensureProject(api, { name: 'admin' })));
}
