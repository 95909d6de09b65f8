/** Users, projects and roles: who logs in where as what, and what a statement that is sent twice changes. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { addProject, ensureProject, listProjects } from '../../../database/api/projects.ts';
import { addUser, changeUser, ensureUser, findLogin, listUsers, listUsersWithRoles, removeUser } from '../../../database/api/users.ts';
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

const newId = () => randomBytes(16).toString('hex');
const [one, two, ann, bob] = [newId(), newId(), newId(), newId()] as const;
const nothing = <Result>(run: () => Promise<Result>) => changesNothing(fixture.api, run);
const names = (list: readonly { name: string }[]) => list.map(({ name }) => name);

/** Ann is a member of both projects and a reader of the first; Bob is an admin of the second. */
beforeEach(async () => {
  await query(fixture.api, 'truncate users, projects cascade');
  await ensureProject(fixture.api, { name: 'two', id: two });
  await ensureProject(fixture.api, { name: 'one', id: one });
  await ensureUser(fixture.api, { name: 'bob', id: bob, passwordHash: 'b', project: two, role: 'admin' });
  await ensureUser(fixture.api, { name: 'ann', id: ann, passwordHash: 'a', project: one, role: 'reader' });
  await ensureUser(fixture.api, { name: 'ann', passwordHash: 'a', project: one, role: 'member' });
  await ensureUser(fixture.api, { name: 'ann', passwordHash: 'a', project: two, role: 'member' });
});

test('projects are listed by name: all, by id, by name, or those of a user', async () => {
  const project = (id: string, name: string) => ({ id, name, description: '', enabled: true });
  expect(await listProjects(fixture.api, {})).toEqual([project(one, 'one'), project(two, 'two')]);
  expect(names(await listProjects(fixture.api, { id: two }))).toEqual(['two']);
  expect(names(await listProjects(fixture.api, { name: 'one' }))).toEqual(['one']);
  expect(names(await listProjects(fixture.api, { id: two, name: 'one' }))).toEqual([]);
  expect(names(await listProjects(fixture.api, { userId: ann }))).toEqual(['one', 'two']);
  expect(names(await listProjects(fixture.api, { userId: bob }))).toEqual(['two']);
  expect(names(await listProjects(fixture.api, { userId: bob, name: 'one' }))).toEqual([]);
  expect(await listProjects(fixture.api, { userId: newId() })).toEqual([]);
});

test('a project that is ensured keeps its id; a new one gets the given id, or a random one', async () => {
  expect(await nothing(() => ensureProject(fixture.api, { name: 'one', id: newId() }))).toBe(one);
  expect(await ensureProject(fixture.api, { name: 'three' })).toMatch(/^[0-9a-f]{32}$/);
});

test('a project is added once, under a name that is free', async () => {
  const id = newId();
  expect(await addProject(fixture.api, { id, name: 'three' })).toBe(true);
  expect(await nothing(() => addProject(fixture.api, { id, name: 'three' })), 'sent twice').toBe(true);
  expect(await nothing(() => addProject(fixture.api, { id: newId(), name: 'three' }))).toBe(false);
});

const admin = expect.objectContaining({ name: 'admin' });
const member = expect.objectContaining({ name: 'member' });
const reader = expect.objectContaining({ name: 'reader' });

test('a login by id or name, for a project by id or name, or for the default one', async () => {
  const inOne = { user: { id: ann, name: 'ann' }, passwordHash: 'a', project: { id: one, name: 'one' }, roles: [member, reader] };
  const inTwo = { ...inOne, project: { id: two, name: 'two' }, roles: [member] };
  expect(await findLogin(fixture.api, { id: ann }, undefined)).toEqual(inOne);
  expect(await findLogin(fixture.api, { name: 'ann' }, { id: two })).toEqual(inTwo);
  expect(await findLogin(fixture.api, { name: 'ann' }, { name: 'two' })).toEqual(inTwo);
  expect(await findLogin(fixture.api, { name: 'bob' }, undefined)).toMatchObject({ project: { id: two }, roles: [admin] });
  expect(await findLogin(fixture.api, { name: 'bob' }, { id: one })).toMatchObject({ project: { id: one }, roles: [] });
  expect(await findLogin(fixture.api, { name: 'bob' }, { id: newId() })).toMatchObject({ project: null, roles: [] });
  expect(await findLogin(fixture.api, { name: 'bob' }, { name: 'three' })).toMatchObject({ project: null, roles: [] });
});

test('who is unknown or disabled does not log in; a disabled project is none', async () => {
  expect(await findLogin(fixture.api, { name: 'eve' }, undefined)).toBeUndefined();
  expect(await findLogin(fixture.api, { id: newId() }, undefined)).toBeUndefined();
  await changeUser(fixture.api, 'bob', { enabled: false });
  expect(await findLogin(fixture.api, { id: bob }, undefined)).toBeUndefined();
  await query(fixture.api, 'update projects set enabled = false where id = :one', { one });
  expect(await findLogin(fixture.api, { id: ann }, undefined)).toMatchObject({ project: null, roles: [] });
});

test('users are listed by name, all or those asked for', async () => {
  await changeUser(fixture.api, 'bob', { enabled: false });
  expect(await listUsers(fixture.api, {})).toEqual([
    { id: ann, name: 'ann', enabled: true, defaultProjectId: one },
    { id: bob, name: 'bob', enabled: false, defaultProjectId: two },
  ]);
  expect(names(await listUsers(fixture.api, { id: bob }))).toEqual(['bob']);
  expect(names(await listUsers(fixture.api, { name: 'ann' }))).toEqual(['ann']);
  expect(names(await listUsers(fixture.api, { id: bob, name: 'ann' }))).toEqual([]);
  expect(await listUsersWithRoles(fixture.api)).toEqual([
    { id: ann, name: 'ann', enabled: true, roles: { one: ['member', 'reader'], two: ['member'] } },
    { id: bob, name: 'bob', enabled: false, roles: { two: ['admin'] } },
  ]);
  await query(fixture.api, 'delete from role_assignments');
  expect(await listUsersWithRoles(fixture.api)).toMatchObject([{ roles: {} }, { roles: {} }]);
});

test('users that one answer does not hold are read on', async () => {
  const large = await ensureProject(fixture.api, { name: 'x'.repeat(30_000) });
  await query(
    fixture.api,
    `with users as (
       insert into users (id, name, password_hash)
       select md5(n::text), 'n' || lpad(n::text, 2, '0'), 'p' from generate_series(1, 60) n returning id)
     insert into role_assignments (user_id, project_id, role_id) select users.id, :large, roles.id from users cross join roles`,
    { large },
  );
  const numbered = Array.from({ length: 60 }, (_, index) => `n${String(index + 1).padStart(2, '0')}`);
  expect(names(await listUsersWithRoles(fixture.api))).toEqual(['ann', 'bob', ...numbered]);
});

test('a user that is ensured keeps id and default project, and gets the password and the role', async () => {
  const again = { name: 'bob', id: newId(), passwordHash: 'new', project: one, role: 'member' };
  expect(await ensureUser(fixture.api, again)).toBe(bob);
  expect(await findLogin(fixture.api, { id: bob }, undefined)).toMatchObject({ passwordHash: 'new', project: { id: two }, roles: [admin] });
  expect(await findLogin(fixture.api, { id: bob }, { id: one })).toMatchObject({ roles: [member] });
  expect(await findLogin(fixture.api, { id: ann }, undefined)).toMatchObject({ passwordHash: 'a' });
  expect(await ensureUser(fixture.api, again), 'a role that the user has').toBe(bob);
  await expect(ensureUser(fixture.api, { ...again, role: 'king' })).rejects.toThrow('the role does not exist');
  const { name, ...rest } = again;
  expect(await ensureUser(fixture.api, { name: 'eve', passwordHash: 'e', project: rest.project, role: rest.role })).toMatch(
    /^[0-9a-f]{32}$/,
  );
});

test('a user is added once, under a name that is free, to a project that exists', async () => {
  const eve = { id: newId(), name: 'eve', passwordHash: 'e', project: 'two', role: 'reader' };
  expect(await nothing(() => addUser(fixture.api, { ...eve, project: 'three' }))).toEqual({ added: false, inProject: false });
  expect(await addUser(fixture.api, eve)).toEqual({ added: true, inProject: true });
  expect(await findLogin(fixture.api, { name: 'eve' }, undefined)).toMatchObject({
    project: { id: two },
    passwordHash: 'e',
    roles: [reader],
  });
  expect(await nothing(() => addUser(fixture.api, eve)), 'sent twice').toEqual({ added: true, inProject: true });
  expect(await nothing(() => addUser(fixture.api, { ...eve, id: newId() }))).toEqual({ added: false, inProject: true });
});

test('a user changes in what is given, and nobody else does', async () => {
  expect(await nothing(() => changeUser(fixture.api, 'eve', { enabled: false }))).toBe(false);
  expect(await changeUser(fixture.api, 'bob', { passwordHash: 'new' })).toBe(true);
  const users = () => sql(fixture, 'select name, password_hash, enabled, updated_at is not null as changed from users order by name');
  const untouched = { name: 'ann', password_hash: 'a', enabled: true };
  expect(await users()).toMatchObject([untouched, { password_hash: 'new', enabled: true, changed: true }]);
  expect(await changeUser(fixture.api, 'bob', { enabled: false })).toBe(true);
  expect(await users()).toMatchObject([untouched, { password_hash: 'new', enabled: false }]);
});

test('a user is removed with its roles', async () => {
  await removeUser(fixture.api, ann);
  expect(names(await listUsers(fixture.api, {}))).toEqual(['bob']);
  expect(await sql(fixture, 'select user_id from role_assignments')).toEqual([{ user_id: bob }]);
});
