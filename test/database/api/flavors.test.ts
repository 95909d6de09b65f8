/** Flavors: who sees which, in which order, and what a change changes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  changeFlavor,
  createFlavor,
  deleteFlavor,
  type FlavorFilter,
  findFlavor,
  findFlavorId,
  listFlavors,
  type NewFlavor,
} from '../../../database/api/flavors.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { sql } from '../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());

const flavor = (flavorid: string, more: Partial<NewFlavor> = {}): NewFlavor => ({
  ...{ flavorid, name: `name of ${flavorid}`, memory_mb: 64, vcpus: 1, root_gb: 10, ephemeral_gb: 0, swap: 0, rxtx_factor: 1 },
  ...{ is_public: true, description: null, ...more },
});
const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);
const share = (flavorid: string, project: string) => changeFlavor(fixture.api, flavorid, { access: { project, allowed: true } });

/** Public ones a, b and (disabled) d; private ones p, shared with mine, and q, shared with other. */
beforeEach(async () => {
  await query(fixture.api, 'truncate flavors cascade');
  await createFlavor(fixture.api, flavor('b', { root_gb: 20, memory_mb: 32 }), null);
  await createFlavor(fixture.api, flavor('a'), null);
  await createFlavor(fixture.api, flavor('p', { is_public: false }), null);
  await createFlavor(fixture.api, flavor('q', { is_public: false }), null);
  await createFlavor(fixture.api, flavor('d'), null);
  await share('p', 'mine');
  await share('q', 'other');
  await query(fixture.api, `update flavors set disabled = true where flavorid = 'd'`);
});

const usual: FlavorFilter = {
  ...{ projectId: 'mine', seesAll: false, isPublic: true, minDisk: 0, minRam: 0, sortKey: 'flavorid', sortDirection: 'asc' },
  ...{ marker: null, limit: 100 },
};
const list = async (filter: Partial<FlavorFilter> = {}) =>
  (await listFlavors(fixture.api, { ...usual, ...filter }))?.map(({ flavorid }) => flavorid);

test('a flavor is seen when it is public, by projects that share it, and by who sees all', async () => {
  const sees = async (id: string, project: string | null) => (await findFlavor(fixture.api, id, project))?.flavorid;
  expect(await findFlavor(fixture.api, 'b', 'mine')).toEqual({
    ...{ ...flavor('b', { root_gb: 20, memory_mb: 32 }), id: expect.any(Number), disabled: false, extra_specs: {} },
  });
  expect(await sees('p', 'mine')).toBe('p');
  expect(await sees('q', 'mine')).toBeUndefined();
  expect(await sees('q', null)).toBe('q');
  expect(await sees('none', null)).toBeUndefined();
});

test('a list holds what the project sees; private ones alone, or both, for who sees all', async () => {
  expect(await list()).toEqual(['a', 'b', 'p']);
  expect(await list({ isPublic: false })).toEqual(['p']);
  expect(await list({ isPublic: null })).toEqual(['a', 'b', 'p']);
  await share('a', 'mine');
  expect(await list({ isPublic: false }), 'a public one is not private for being shared').toEqual(['p']);
  const all = { seesAll: true };
  expect(await list({ ...all })).toEqual(['a', 'b', 'd', 'p']);
  expect(await list({ ...all, isPublic: false })).toEqual(['p', 'q']);
  expect(await list({ ...all, isPublic: null })).toEqual(['a', 'b', 'd', 'p', 'q']);
  expect(await list({ minDisk: 20 })).toEqual(['b']);
  expect(await list({ minDisk: 21 })).toEqual([]);
  expect(await list({ minRam: 64 })).toEqual(['a', 'p']);
  expect(await list({ minRam: 65 })).toEqual([]);
});

test('a list has its order, equal ones by their ids, and goes on after its marker', async () => {
  expect(await list({ sortDirection: 'desc' })).toEqual(['p', 'b', 'a']);
  expect(await list({ sortKey: 'vcpus' })).toEqual(['b', 'a', 'p']);
  expect(await list({ sortKey: 'vcpus', sortDirection: 'desc' })).toEqual(['p', 'a', 'b']);
  expect(await list({ limit: 2 })).toEqual(['a', 'b']);
  expect(await list({ marker: 'a', limit: 1 })).toEqual(['b']);
  expect(await list({ marker: 'p' })).toEqual([]);
  expect(await list({ marker: 'd' }), 'a marker that is not listed').toEqual(['p']);
  expect(await list({ marker: 'q' }), 'a marker that is not seen').toBeUndefined();
  expect(await list({ marker: 'q', seesAll: true, isPublic: null })).toEqual([]);
});

test('flavors that one answer does not hold are read on', async () => {
  await query(
    fixture.api,
    `insert into flavors (flavorid, name, memory_mb, vcpus, description)
     select lpad(n::text, 3, '0'), 'n' || n, 1, 1, repeat('x', 30000) from generate_series(1, 60) n`,
  );
  const numbers = Array.from({ length: 60 }, (_, index) => String(index + 1).padStart(3, '0'));
  expect(await list({ limit: 61 })).toEqual([...numbers, 'a']);
  expect(await list({ limit: 58 })).toEqual(numbers.slice(0, 58));
});

test('a flavor is created once, under an id and a name that are free', async () => {
  const created = await createFlavor(fixture.api, flavor('new', { description: 'd' }), 'req-1');
  expect(created).toEqual({ ...flavor('new', { description: 'd' }), id: expect.any(Number), disabled: false, extra_specs: {} });
  expect(await findFlavor(fixture.api, 'new', 'mine')).toEqual(created);
  const again = (more: Partial<NewFlavor>, request: string | null) =>
    nothing(() => createFlavor(fixture.api, flavor('new', more), request));
  expect(await again({ description: 'd' }, 'req-1'), 'sent twice').toEqual(created);
  expect(await again({}, 'req-2')).toBeUndefined();
  expect(await again({}, null)).toBeUndefined();
  expect(await again({ flavorid: 'newer' }, 'req-1'), 'the name is taken').toBeUndefined();
});

test('extra specs are set and taken away, of one flavor', async () => {
  await changeFlavor(fixture.api, 'a', { specs: { x: '1', y: '2' } });
  await changeFlavor(fixture.api, 'b', { specs: { x: '7' } });
  await changeFlavor(fixture.api, 'a', { specs: { x: '3' }, without: ['y'] });
  const specs = async (id: string) => (await findFlavor(fixture.api, id, 'mine'))?.extra_specs;
  expect(await specs('a')).toEqual({ x: '3' });
  expect(await specs('b')).toEqual({ x: '7' });
  await changeFlavor(fixture.api, 'b', { without: ['y'] });
  expect(await specs('b')).toEqual({ x: '7' });
  await nothing(() => changeFlavor(fixture.api, 'none', { specs: { x: '1' }, without: ['x'], access: { project: 'p', allowed: true } }));
});

test('access is given and taken away, of one flavor and one project', async () => {
  const access = () =>
    sql(fixture, 'select flavorid, project_id as project from flavor_projects join flavors f on f.id = flavor_id order by 1, 2');
  const [p, q] = [
    { flavorid: 'p', project: 'mine' },
    { flavorid: 'q', project: 'other' },
  ];
  await share('p', 'other');
  await nothing(() => share('p', 'mine'));
  expect(await access()).toEqual([p, { flavorid: 'p', project: 'other' }, q]);
  await changeFlavor(fixture.api, 'p', { access: { project: 'other', allowed: false } });
  expect(await access()).toEqual([p, q]);
  await nothing(() => changeFlavor(fixture.api, 'p', {}));
});

test('a flavor is found by its id before its name, and removed by its id', async () => {
  await createFlavor(fixture.api, flavor('other', { name: 'a' }), null);
  expect(await findFlavorId(fixture.api, 'a')).toBe('a');
  expect(await findFlavorId(fixture.api, 'name of b')).toBe('b');
  expect(await findFlavorId(fixture.api, 'none')).toBeUndefined();
  await deleteFlavor(fixture.api, 'a');
  expect(await findFlavorId(fixture.api, 'a')).toBe('other');
  expect(await list({ seesAll: true, isPublic: null })).toEqual(['b', 'd', 'other', 'p', 'q']);
});
