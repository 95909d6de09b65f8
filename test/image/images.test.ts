import { afterAll, beforeAll, expect, test } from 'vitest';
import { mostProperties } from '../../common/properties.ts';
import { changeImage, createImage } from '../../image/images.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 0, hosts: 0 });
});
afterAll(() => cloud?.stop());

/** Properties from a number on. */
const some = (from: number, count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${from + index}`, 'v']));

test('an image has at most 128 properties, as in Glance', async () => {
  const { api } = cloud.service;
  const order = { name: 'full', minDisk: 0, minRam: 0, diskFormat: 'raw', project: null };
  const refused = `The limit has been exceeded on the number of allowed image properties. Attempted: 129, Maximum: ${mostProperties}`;
  await expect(createImage(api, { ...order, properties: some(0, 129) })).rejects.toThrow(refused);
  const { id } = await createImage(api, { ...order, properties: some(0, 127) });
  await expect(changeImage(api, id, { properties: some(126, 3) })).rejects.toThrow(refused);
  expect(Object.keys((await changeImage(api, id, { properties: some(126, 2) })).properties)).toHaveLength(128);
  const { properties } = await changeImage(api, id, { without: ['key0'], properties: some(128, 1) });
  expect(properties).toEqual(some(1, 128));
});
