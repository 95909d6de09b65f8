/** Which query of a list counts for whom, and since when, against the lists that Nova keeps (nova-facts 3.1). */
import { expect, test } from 'vitest';
import { filterSql } from '../../../../../compute/servers/filters.ts';
import { findMicroversion } from '../../../../../lambdas/api/compute/microversions.ts';
import { readListing } from '../../../../../lambdas/api/compute/servers/list-query.ts';
import { serverQuery, sortKeys } from '../../../../../lambdas/api/compute/servers/list-query-schema.ts';

const versions = { first: 1, withLocked: 73, strict: 75, withFilters: 83, withHostnames: 90, last: 100 };

/** Filters by a column, with the columns: those of members, those that came to them later, and those of admins alone. */
const always = { reservation_id: 'reservation_id', name: 'display_name', image: 'image_ref' };
const withLocked = { locked: 'locked' };
const withFilters = {
  ...{ availability_zone: 'availability_zone', config_drive: 'config_drive', key_name: 'key_name', created_at: 'created_at' },
  ...{ launched_at: 'launched_at', terminated_at: 'terminated_at', power_state: 'power_state', task_state: 'task_state' },
  ...{ vm_state: 'vm_state', progress: 'progress', user_id: 'user_id' },
};
const withHostnames = { hostname: 'hostname' };
const ofAdmins = {
  ...{
    image_ref: 'image_ref',
    display_name: 'display_name',
    description: 'display_description',
    display_description: 'display_description',
  },
  ...{ launch_index: 'launch_index', kernel_id: 'kernel_id', ramdisk_id: 'ramdisk_id', host: 'host', node: 'node', locked_by: 'locked_by' },
  ...{ uuid: 'uuid', root_device_name: 'root_device_name', access_ip_v4: 'access_ip_v4', access_ip_v6: 'access_ip_v6' },
  ...{ auto_disk_config: 'auto_disk_config' },
};
const later = { ...withFilters, ...withHostnames };

/** Not by a pattern. */
const exact = ['image', 'image_ref', 'vm_state', 'task_state', 'user_id', 'uuid', 'host', 'locked'];

const sorted = [
  ...['access_ip_v4', 'access_ip_v6', 'auto_disk_config', 'availability_zone', 'config_drive', 'created_at', 'display_description'],
  ...['display_name', 'host', 'hostname', 'image_ref', 'instance_type_id', 'kernel_id', 'key_name', 'launch_index', 'launched_at'],
  ...['locked_by', 'node', 'power_state', 'progress', 'project_id', 'ramdisk_id', 'root_device_name', 'task_state', 'terminated_at'],
  ...['updated_at', 'user_id', 'uuid', 'vm_state'],
];

function microversion(minor: number) {
  const found = findMicroversion(`2.${minor}`);
  if (!found) throw new Error(`2.${minor} is not served`);
  return found;
}

const callerOf = (role: string) => ({ userId: 'user', userName: 'user', projectId: 'project', projectName: 'project', roles: [role] });

/** Returns the SQL of a filter for somebody, or why it is refused; undefined when it is dropped. */
function filterOf(role: string, minor: number, name: string): string | undefined {
  const query = serverQuery(microversion(minor)).safeParse({ [name]: ['1'] });
  if (!query.success) return query.error.message;
  return filterSql(readListing(callerOf(role), microversion(minor), query.data, 'detail').filters)?.sql;
}

test.each([
  ['member', versions.first, always],
  ['member', versions.withLocked - 1, always],
  ['member', versions.withLocked, { ...always, ...withLocked }],
  ['member', versions.withFilters - 1, { ...always, ...withLocked }],
  ['member', versions.withFilters, { ...always, ...withLocked, ...withFilters }],
  ['member', versions.withHostnames - 1, { ...always, ...withLocked, ...withFilters }],
  ['member', versions.last, { ...always, ...withLocked, ...withFilters, ...withHostnames }],
  ['admin', versions.first, { ...always, ...later, ...ofAdmins }],
  ['admin', versions.withLocked - 1, { ...always, ...later, ...ofAdmins }],
  ['admin', versions.last, { ...always, ...withLocked, ...later, ...ofAdmins }],
])('the role %s filters at 2.%i by the columns that Nova lets it', (role, minor, counting: Readonly<Record<string, string>>) => {
  for (const name of Object.keys({ ...always, ...withLocked, ...later, ...ofAdmins })) {
    const column = counting[name];
    const sql = column && expect.stringMatching(new RegExp(`doc->>'${column}'.* ${exact.includes(name) ? '=' : '~'} :filter0$`));
    expect(filterOf(role, minor, name), name).toEqual(sql);
  }
});

test('everybody sorts by the columns that Nova sorts by, and since 2.73 by the lock', () => {
  expect(sortKeys(microversion(versions.withLocked - 1)).toSorted()).toEqual(sorted);
  expect(sortKeys(microversion(versions.withLocked)).toSorted()).toEqual([...sorted, 'locked'].toSorted());
});

test('only admins sort by host and node', () => {
  const sort = (role: string, key: string) => () =>
    readListing(callerOf(role), microversion(versions.last), { sort_key: [key], sort_dir: ['asc'] }, 'index').sort;
  for (const column of sorted) {
    expect(sort('admin', column)()).toEqual([{ column, direction: 'asc' }]);
    if (column === 'host' || column === 'node') expect(sort('member', column)).toThrow(`Only administrators can sort servers by ${column}`);
    else expect(sort('member', column)()).toEqual([{ column, direction: 'asc' }]);
  }
});
