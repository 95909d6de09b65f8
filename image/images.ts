/** Images as an operator manages them; clients can only read them. They are records: hosts are simulated and need no bits. */
import { randomUUID } from 'node:crypto';
import { Conflict, NotFound } from '../common/errors.ts';
import { checkProperties } from '../common/properties.ts';
import {
  ensureImage,
  findImage,
  type Image,
  type ImageChange,
  listImages,
  type NewImage,
  deleteImage as removeImage,
  changeImage as updateImage,
} from '../database/api/images.ts';
import { listProjects } from '../database/api/users.ts';
import type { Database } from '../database/data-api/client.ts';

/** Whoever manages images sees all of them. */
const operator = { projectId: '', isAdmin: true };

/** The project whose images are for everyone. */
const publisher = 'admin';

/** What is known of the bits of an image. */
export type Content = Pick<NewImage, 'size' | 'checksum' | 'osHashAlgo' | 'osHashValue'>;

const unknownContent: Content = { size: null, checksum: null, osHashAlgo: null, osHashValue: null };

/** An image before it has an id. */
export interface ImageOrder extends Pick<NewImage, 'name' | 'minDisk' | 'minRam' | 'diskFormat' | 'properties'> {
  /** Name of the one project that sees it; null is everyone. */
  project: string | null;
  content?: Content;
}

/**
 * Makes an image that can be booted at once.
 * @throws NotFound when there is no such project, BadRequest when a property cannot be.
 */
export async function createImage(api: Database, { project, content = unknownContent, ...order }: ImageOrder): Promise<NewImage> {
  checkProperties(order.properties);
  const [owner] = await listProjects(api, { name: project ?? publisher });
  if (!owner) throw new NotFound(`There is no project ${project ?? publisher}.`);
  const image: NewImage = {
    ...{ id: randomUUID(), ...order, ...content, owner: owner.id },
    ...{ visibility: project === null ? 'public' : 'private', status: 'active', containerFormat: 'bare' },
  };
  await ensureImage(api, image);
  return image;
}

/**
 * Changes an image, by its id or its name; gives it as it is then.
 * @throws NotFound, Conflict when several have the name, BadRequest when a property cannot be.
 */
export async function changeImage(api: Database, idOrName: string, change: ImageChange): Promise<Image> {
  checkProperties(change.properties ?? {});
  const { id } = await theImage(api, idOrName);
  await updateImage(api, id, change);
  return await theImage(api, id);
}

/**
 * Removes an image, by its id or its name; gives it as it was.
 * @throws NotFound, or Conflict when several have the name.
 */
export async function deleteImage(api: Database, idOrName: string): Promise<Image> {
  const image = await theImage(api, idOrName);
  await removeImage(api, image.id);
  return image;
}

async function theImage(api: Database, idOrName: string): Promise<Image> {
  const byId = await findImage(api, idOrName, operator);
  if (byId) return byId;
  const [image, ...others] = await listImages(api, { name: idOrName, sort: [], limit: 10 }, operator);
  if (!image) throw new NotFound(`There is no image ${idOrName}.`);
  if (others.length > 0) throw new Conflict(`Several images are named ${idOrName}: ${[image, ...others].map(({ id }) => id).join(', ')}.`);
  return image;
}
