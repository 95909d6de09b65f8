/** Images: who sees them, in which order, and what changes of them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  changeImage,
  deleteImage,
  ensureImage,
  findImage,
  type ImageFilter,
  type ImageListing,
  listImages,
  type NewImage,
} from '../../../database/api/images.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());

const idOf = (digit: number) => `abcdef0${digit}-0000-4000-8000-000000000000`;
const image = (digit: number, more: Partial<NewImage> = {}): NewImage => ({
  ...{ id: idOf(digit), name: `i${digit}`, owner: 'mine', visibility: 'public', status: 'active', size: 10, minDisk: 1, minRam: 2 },
  ...{ diskFormat: 'qcow2', containerFormat: 'bare', checksum: 'c', osHashAlgo: 'sha512', osHashValue: 'v', properties: { a: '1' } },
  ...more,
});
const me = { projectId: 'mine', seesAll: false };
const admin = { projectId: 'mine', seesAll: true };

beforeEach(async () => {
  await query(fixture.api, 'truncate images');
  await ensureImage(fixture.api, image(1, { visibility: 'private', owner: 'other' }));
  await ensureImage(fixture.api, image(2, { visibility: 'private', size: 5 }));
  await ensureImage(fixture.api, image(3, { owner: 'other', status: 'queued' }));
  await ensureImage(fixture.api, image(4, { size: null }));
});

const byName = { filters: [], sort: [{ key: 'name', direction: 'asc' }], limit: 9 } as const;
const names = async (listing: Partial<ImageListing> = {}, viewer = me) =>
  (await listImages(fixture.api, { ...byName, ...listing }, viewer)).map(({ name }) => name);
const found = (...filters: ImageFilter[]) => names({ filters });

test('an image is seen by its project, by all when it is public, and by an admin', async () => {
  const whole = { ...image(2, { visibility: 'private', size: 5 }), createdAt: expect.any(String), updatedAt: expect.any(String) };
  expect(await findImage(fixture.api, idOf(2), me)).toEqual(whole);
  expect(await findImage(fixture.api, idOf(2).toUpperCase(), me)).toEqual(whole);
  expect(await findImage(fixture.api, idOf(1), me)).toBeUndefined();
  expect(await findImage(fixture.api, idOf(1), admin)).toMatchObject({ name: 'i1' });
  expect(await findImage(fixture.api, idOf(3), me)).toMatchObject({ name: 'i3' });
  for (const id of [idOf(9), 'cirros', `${idOf(2)}x`, `x${idOf(2)}`]) expect(await findImage(fixture.api, id, me), id).toBeUndefined();
});

test('a list holds what the viewer sees and asks for', async () => {
  expect(await names()).toEqual(['i2', 'i3', 'i4']);
  expect(await names({}, admin)).toEqual(['i1', 'i2', 'i3', 'i4']);
  expect(await found({ text: 'id', oneOf: [idOf(1), idOf(2), idOf(3), 'nonsense'] })).toEqual(['i2', 'i3']);
  expect(await found({ text: 'id', oneOf: [] })).toEqual([]);
  expect(await found({ text: 'name', oneOf: ['i3', 'i4'] })).toEqual(['i3', 'i4']);
  expect(await found({ text: 'status', oneOf: ['queued'] })).toEqual(['i3']);
  expect(await found({ text: 'name', oneOf: ['i3'] }, { text: 'status', oneOf: ['active'] })).toEqual([]);
  expect(await found({ number: 'size', comparison: '<', value: 10 })).toEqual(['i2']);
  expect(await found({ number: 'size', comparison: '<=', value: 10 })).toEqual(['i2', 'i3']);
  expect(await found({ number: 'min_ram', comparison: '<>', value: 2 })).toEqual([]);
  expect(await found({ property: 'a', value: '1' })).toEqual(['i2', 'i3', 'i4']);
  expect(await found({ property: 'a', value: '2' })).toEqual([]);
  expect(await names({ visibility: 'private' })).toEqual(['i2']);
});

test('a list has its order, and goes on after its marker', async () => {
  expect(await names({ sort: [{ key: 'name', direction: 'desc' }] })).toEqual(['i4', 'i3', 'i2']);
  // Equal sizes stand by id.
  await ensureImage(fixture.api, image(0, { name: 'last' }));
  expect(
    await names({
      sort: [
        { key: 'size', direction: 'asc' },
        { key: 'name', direction: 'desc' },
      ],
    }),
  ).toEqual(['i2', 'last', 'i3', 'i4']);
  expect(await names({ sort: [{ key: 'size', direction: 'asc' }] })).toEqual(['i2', 'last', 'i3', 'i4']);
  expect(await names({ marker: idOf(2), limit: 1 })).toEqual(['i3']);
  expect(await names({ marker: idOf(1) }), 'a marker that is not seen').toEqual([]);
  expect(await names({ limit: 0 })).toEqual([]);
});

test('an image that is ensured again stays as it is', async () => {
  await changesNothing(fixture.api, () => ensureImage(fixture.api, image(2, { name: 'renamed' })));
});

test('what is given changes, and of one image', async () => {
  await query(fixture.api, `update images set updated_at = now() - interval '1 hour'`);
  const before = await findImage(fixture.api, idOf(3), me);
  await changeImage(fixture.api, idOf(2), { minDisk: 7, properties: { a: '2', b: '3' } });
  expect(await findImage(fixture.api, idOf(2), me)).toMatchObject({ minDisk: 7, minRam: 2, properties: { a: '2', b: '3' } });
  await changeImage(fixture.api, idOf(2), { minRam: 8, without: ['a'] });
  const changed = await findImage(fixture.api, idOf(2), me);
  expect(changed).toMatchObject({ minDisk: 7, minRam: 8, properties: { b: '3' } });
  expect(Date.now() - Date.parse(changed?.updatedAt ?? '')).toBeLessThan(600_000);
  await changeImage(fixture.api, idOf(2), { without: ['b'], properties: { b: '4' } });
  expect(await findImage(fixture.api, idOf(2), me)).toMatchObject({ properties: { b: '4' } });
  expect(await findImage(fixture.api, idOf(3), me)).toEqual(before);
});

test('one image is removed', async () => {
  await deleteImage(fixture.api, idOf(3));
  expect(await names({}, admin)).toEqual(['i1', 'i2', 'i4']);
});
