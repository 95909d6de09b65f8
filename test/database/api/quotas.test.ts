/** Limits and use of projects: a limit is never set below what is used, unless it must be. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { deleteQuotas, findQuotaUse, saveQuotas } from '../../../database/api/quotas.ts';
import { query } from '../../../database/data-api/client.ts';
import { type SchedulerFixture, startSchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';
import { newGroup, sql } from '../../compute/scheduler/scheduler-helpers.ts';
import { changesNothing } from '../../fixtures/contents.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

let fixture: SchedulerFixture;
beforeAll(async () => {
  fixture = await startSchedulerFixture(sharedPostgres());
});
afterAll(() => fixture?.stop());
beforeEach(() => query(fixture.api, 'truncate quotas, quota_usages, instance_groups, projects cascade'));

/** The helpers' groups are of this project. */
const project = 'project';
const use = (instances: number, cores: number, ram: number, of = project) =>
  query(fixture.api, 'insert into quota_usages (project_id, instances, cores, ram) values (:of, :instances, :cores, :ram)', {
    of,
    instances,
    cores,
    ram,
  });
const limits = (of = project) => sql(fixture, `select resource, hard_limit from quotas where project_id = '${of}' order by resource`);
const save = (values: Record<string, number>, force = false) => saveQuotas(fixture.api, project, values, force);
const defaults = { instances: 10, cores: 20, key_pairs: 100 };

test('defaults count where a project has no limit of its own, also one of 0', async () => {
  expect(await findQuotaUse(fixture.api, project, defaults)).toEqual({
    limits: defaults,
    used: { instances: 0, cores: 0, ram: 0, server_groups: 0 },
    registered: false,
  });
  await save({ cores: 0, ram: -1 });
  await saveQuotas(fixture.api, 'other', { instances: 3 }, false);
  expect((await findQuotaUse(fixture.api, project, defaults)).limits).toEqual({ ...defaults, cores: 0 });
});

test('use is that of the project, its groups are what is there', async () => {
  await use(1, 2, 3);
  await use(7, 7, 7, 'other');
  await newGroup(fixture, 'affinity');
  await newGroup(fixture, 'affinity');
  await query(fixture.api, `insert into instance_groups (uuid, user_id, project_id, name) values (:uuid::uuid, 'u', 'other', 'g')`, {
    uuid: randomUUID(),
  });
  const id = 'a'.repeat(32);
  await query(fixture.api, 'insert into projects (id, name) values (:id, :id)', { id });
  expect(await findQuotaUse(fixture.api, project, defaults)).toMatchObject({
    used: { instances: 1, cores: 2, ram: 3, server_groups: 2 },
    registered: false,
  });
  expect(await findQuotaUse(fixture.api, id, defaults)).toMatchObject({ used: { instances: 0, server_groups: 0 }, registered: true });
  expect(await findQuotaUse(fixture.api, 'other', defaults)).toMatchObject({ used: { instances: 7, server_groups: 1 }, registered: false });
});

test.each(['instances', 'cores', 'ram', 'server_groups'])('a limit on %s may be what is used, not less; -1 is none', async (resource) => {
  await use(2, 2, 2);
  await newGroup(fixture, 'affinity');
  await newGroup(fixture, 'affinity');
  expect(await changesNothing(fixture.api, () => save({ [resource]: 1 }))).toEqual({ [resource]: 2 });
  expect(await save({ [resource]: 2 })).toEqual({});
  expect(await limits()).toEqual([{ resource, hard_limit: 2 }]);
  expect(await save({ [resource]: -1 })).toEqual({});
  expect(await limits()).toEqual([{ resource, hard_limit: -1 }]);
  expect(await save({ [resource]: 0 }, true), 'by force').toEqual({});
  expect(await limits()).toEqual([{ resource, hard_limit: 0 }]);
});

test('one limit that is too low lets none be saved', async () => {
  await use(2, 2, 2);
  expect(await changesNothing(fixture.api, () => save({ instances: 1, cores: 0, key_pairs: 5 }))).toEqual({ instances: 2, cores: 2 });
  expect(await save({ cores: 5, key_pairs: 0 })).toEqual({});
  expect(await limits()).toEqual([
    { resource: 'cores', hard_limit: 5 },
    { resource: 'key_pairs', hard_limit: 0 },
  ]);
});

test('what a project without a row uses is nothing', async () => {
  expect(await save({ instances: 0 })).toEqual({});
  expect(await sql(fixture, 'select project_id, instances from quota_usages')).toEqual([{ project_id: project, instances: 0 }]);
});

test('a project gets the defaults again, and no other does', async () => {
  await save({ cores: 5 });
  await saveQuotas(fixture.api, 'other', { cores: 6 }, false);
  await deleteQuotas(fixture.api, project);
  expect(await limits()).toEqual([]);
  expect(await limits('other')).toEqual([{ resource: 'cores', hard_limit: 6 }]);
});
