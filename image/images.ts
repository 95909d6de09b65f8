/** Images: operators manage them, clients look at those that they may see. They are records: hosts are simulated and need no bits. */
import { randomUUID } from 'node:crypto';
import type { Caller } from '../common/caller.ts';
import { BadRequest, Conflict, NotFound } from '../common/errors.ts';
import { allows, authorizeOwner } from '../common/policy.ts';
import { checkProperties, checkPropertyCount } from '../common/properties.ts';
import {
  type Comparison,
  ensureImage,
  type Image,
  type ImageChange,
  type ImageFilter,
  type ImageListing,
  type ImageSort,
  type ImageViewer,
  imageSortKeys,
  type NewImage,
  deleteImage as removeImage,
  findImage as selectImage,
  listImages as selectImages,
  changeImage as updateImage,
} from '../database/api/images.ts';
import { listProjects } from '../database/api/projects.ts';
import type { Database } from '../database/data-api/client.ts';

export { type Comparison, type Image, type ImageFilter, type ImageListing, type ImageSort, imageSortKeys };

/** An operator sees all images. */
const operator: ImageViewer = { projectId: '', seesAll: true };

function viewerOf(caller: Caller): ImageViewer {
  return { projectId: caller.projectId, seesAll: allows(caller, 'context_is_admin') };
}

/**
 * Returns images that the caller sees.
 * @throws BadRequest when the marker is none of them.
 */
export async function listImages(api: Database, caller: Caller, listing: ImageListing): Promise<Image[]> {
  const { marker } = listing;
  const viewer = viewerOf(caller);
  if (marker !== undefined && !(await selectImage(api, marker, viewer))) {
    throw new BadRequest('Invalid marker. Image could not be found.');
  }
  return selectImages(api, listing, viewer);
}

/** @throws NotFound when there is no such image for the caller. */
export async function findImage(api: Database, caller: Caller, id: string): Promise<Image> {
  const image = await selectImage(api, id, viewerOf(caller));
  if (!image) throw new NotFound(`No image found with ID ${id}`);
  return image;
}

/**
 * Deletes an image of the caller's project, or an admin any; servers that were made from it go on.
 * @throws NotFound when there is no such image for the caller, Forbidden when it is another project's.
 */
export async function deleteOwnImage(api: Database, caller: Caller, id: string): Promise<void> {
  const image = await selectImage(api, id, viewerOf(caller));
  if (!image) throw new NotFound(`Failed to find image ${id} to delete`);
  authorizeOwner(caller, 'delete_image', { projectId: image.owner });
  await removeImage(api, image.id);
}

function checkImageProperties(properties: Readonly<Record<string, string>>): void {
  checkProperties(properties);
  checkPropertyCount(Object.keys(properties).length);
}

/** The project whose images are for everyone. */
const publisher = 'admin';

/** What is known of the bits of an image. */
export type Content = Pick<NewImage, 'size' | 'checksum' | 'osHashAlgo' | 'osHashValue'>;

const unknownContent: Content = { size: null, checksum: null, osHashAlgo: null, osHashValue: null };

/** An image before it has an id. */
export interface NewImageRequest extends Pick<NewImage, 'name' | 'minDisk' | 'minRam' | 'diskFormat' | 'properties'> {
  /** Name of the one project that sees it; null is everyone. */
  project: string | null;
  content?: Content;
}

/**
 * Makes an image that can be booted at once.
 * @throws NotFound when there is no such project, BadRequest when a property cannot be.
 */
export async function createImage(api: Database, { project, content = unknownContent, ...order }: NewImageRequest): Promise<NewImage> {
  checkImageProperties(order.properties);
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
 * Changes an image, by its id or its name; returns it as it is then.
 * @throws NotFound, Conflict when several have the name, BadRequest when a property cannot be.
 */
export async function changeImage(api: Database, idOrName: string, change: ImageChange): Promise<Image> {
  const { id, properties } = await theImage(api, idOrName);
  const kept = Object.entries(properties).filter(([key]) => !change.without?.includes(key));
  checkImageProperties({ ...Object.fromEntries(kept), ...change.properties });
  await updateImage(api, id, change);
  return await theImage(api, id);
}

/**
 * Removes an image, by its id or its name; returns it as it was.
 * @throws NotFound, or Conflict when several have the name.
 */
export async function deleteImage(api: Database, idOrName: string): Promise<Image> {
  const image = await theImage(api, idOrName);
  await removeImage(api, image.id);
  return image;
}

async function theImage(api: Database, idOrName: string): Promise<Image> {
  const byId = await selectImage(api, idOrName, operator);
  if (byId) return byId;
  const [image, ...others] = await selectImages(
    api,
    { filters: [{ text: 'name', oneOf: [idOrName] }], visibility: 'all', sort: [], limit: 10 },
    operator,
  );
  if (!image) throw new NotFound(`There is no image ${idOrName}.`);
  if (others.length > 0) throw new Conflict(`Several images are named ${idOrName}: ${[image, ...others].map(({ id }) => id).join(', ')}.`);
  return image;
}
