/** nova-manage's commands about databases, and nova-status's check, run for real: what they print, and Nova's exit codes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cell0 } from '../../compute/cells/cell0.ts';
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { listComputeNodes, saveComputeNodes } from '../../database/cell/hosts.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import { query } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { migrateAsMaster } from '../../database/migrator/service-user.ts';
import { masterAccess } from '../../lambdas/deploy/master-access.ts';
import { databaseUrl } from '../../local/aws/arns.ts';
import { type Cloud, startCloud, type User } from '../fixtures/cloud.ts';
import { buryThree } from '../fixtures/deleted-servers.ts';
import { cellzero, type Ended } from './run.ts';

// A process a command adds up where many tests share two processors.
vi.setConfig({ testTimeout: 120_000 });

let parent: string;
let cloud: Cloud;
let user: User;
let giant: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cellzero-db-'));
  cloud = await startCloud({ dataDir: join(parent, 'data') });
  user = await cloud.newUser();
  giant = await cloud.newFlavor({ disk: 5_000 });
});
afterAll(async () => {
  await cloud?.stop();
  await rm(parent, { recursive: true, force: true });
});

const run = (...args: string[]) => cellzero([...args, '--data-dir', join(parent, 'data')]);
const silent = (code: number): Ended => ({ code, stdout: '', stderr: '' });
const says = (code: number, ...lines: string[]): Ended => ({ code, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' });
const down = async (cluster: string, ...args: string[]) => {
  cloud.service.dataApi.faults.add({ cluster, kind: 'down' });
  const ended = await run(...args);
  cloud.service.dataApi.faults.clear();
  return ended;
};

test('every command has a help with examples and exit codes, and a usage error is 2', async () => {
  const commands = [
    'db sync',
    'db version',
    'db archive_deleted_rows',
    'db purge',
    'api_db sync',
    'api_db version',
    'status upgrade check',
  ];
  const helps = await Promise.all(commands.map((command) => cellzero([...command.split(' '), '--help'])));
  for (const [index, help] of helps.entries()) {
    expect(help, commands[index]).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout, commands[index]).toMatch(/Examples:\n {2}cellzero [\s\S]*Which deployment[^\n]*:[\s\S]*\n {2}255 {2}/);
  }
  for (const args of [['db'], ['db', 'sync', 'x'], ['status'], ['status', 'upgrade'], ['db', 'archive_deleted_rows', '--sleep', 'x']]) {
    expect(await run(...args), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
  }
});

/** Leaves a cell with its first migration only, and without rows. */
async function takeBack(cell: string): Promise<void> {
  await query(cloud.database(cell), 'drop schema public cascade');
  await query(cloud.database(cell), 'create schema public');
  await migrateAsMaster(await masterAccess(parseDatabaseUrl(databaseUrl(cell))), cellMigrations.slice(0, 1));
}

test('schemas are moved forward in cell0 and all cells, and their versions printed', async () => {
  const last = String(cellMigrations.length);
  expect(await run('db', 'version')).toEqual(says(0, last));
  expect(await run('api_db', 'version')).toEqual(says(0, String(apiMigrations.length)));
  expect(await run('db', 'sync', '--local_cell')).toEqual(silent(0));
  expect(await run('api_db', 'sync')).toEqual(silent(0));
  expect(await run('db', 'sync', '99')).toMatchObject({ code: 255, stderr: expect.stringContaining('There is no version 99') });
  expect(await run('api_db', 'sync', '99')).toMatchObject({ code: 255 });

  const later = cellMigrations.slice(1).map(({ version }) => version);
  const hosts = await listComputeNodes(cloud.database('cell1'), '', 100);
  for (const cell of ['cell0', 'cell1']) await takeBack(cell);
  const versions = await run('db', 'version');
  expect(versions).toEqual({ code: 0, stdout: '1\n', stderr: `cellzero: cell2 is at version ${last}\n` });
  const check = await run('status', 'upgrade', 'check');
  expect(check).toMatchObject({ code: 2, stderr: '' });
  expect(check.stdout).toContain(`| Result: Failure `);
  expect(check.stdout).toContain(`Details: cell0 is at version 1 of ${last}. cell1 is at version 1 of`);
  expect(await run('db', 'sync', '1')).toEqual(silent(0));
  const halfway = await down('cell0', 'db', 'sync');
  expect(halfway).toMatchObject({
    code: 1,
    stdout: `cell1: applied ${later.join(', ')}\n`,
    stderr: expect.stringMatching(/^cellzero: cell0: /),
  });
  expect(JSON.parse((await run('db', 'sync', '--json')).stdout)).toMatchObject({
    cells: [
      { cell: 'cell0', applied: later },
      { cell: 'cell1', applied: [] },
      { cell: 'cell2', applied: [] },
    ],
    failures: [],
  });
  await saveComputeNodes(cloud.database('cell1'), hosts);
  expect(await down('api', 'db', 'sync')).toMatchObject({ code: 1, stdout: expect.stringMatching(/^ERROR: Could not read the cells/) });
  expect(await down('api', 'db', 'version')).toMatchObject({ code: 255, stdout: '' });
});

test('deleted servers are archived and purged, in all cells, with the exit codes that scripts wait for', async () => {
  const archive = (...args: string[]) => run('db', 'archive_deleted_rows', ...args);
  expect(await archive('--verbose', '--all-cells', '--task-log')).toEqual(says(0, 'Nothing was archived.'));
  expect(await archive()).toEqual(silent(0));
  expect(await archive('--max_rows=-1')).toEqual(says(2, 'Must supply a positive value for max_rows'));
  expect(await archive('--max_rows', '2147483648')).toEqual(says(2, 'max rows must be <= 2147483647'));
  expect(await archive('--before', 'yesterday')).toEqual(says(4, 'Invalid value for --before: yesterday'));
  expect(await down('api', 'db', 'archive_deleted_rows')).toMatchObject({
    code: 3,
    stdout: expect.stringMatching(/^Failed to connect to API DB/),
  });

  const ids = [...(await buryThree(cloud, user, giant)), ...(await buryThree(cloud, user, giant))];
  expect(await run('cell_v2', 'verify_instance', '--uuid', ids[0] ?? '')).toMatchObject({ code: 3 });
  expect(await archive('--before', '2020-01-01')).toEqual(silent(0));
  expect(await archive('--max_rows', '5')).toEqual(silent(1));
  const half = await down('cell0', 'db', 'archive_deleted_rows', '--until-complete', '--json');
  expect(half).toMatchObject({ code: 255, stderr: expect.stringMatching(/^cellzero: cell0: /) });
  expect(JSON.parse(half.stdout)).toMatchObject({
    archived: { 'API_DB.instance_mappings': expect.any(Number) },
    failures: [{ cell: 'cell0' }],
  });
  const rest = await archive('--until-complete', '--verbose', '--sleep', '0');
  expect(rest.code).toBe(1);
  expect(rest.stdout).toMatch(/^(\+-+\+-+\+)\n\| Table +\| Number of Rows Archived \|\n\1\n\| API_DB\.instance_mappings +\| 1 +\|\n/);
  expect(rest.stdout).toMatch(/\| cell0\.instances +\| 1 +\|\n/);
  expect(await archive('--until-complete')).toEqual(silent(0));
  expect(await run('cell_v2', 'verify_instance', '--uuid', ids[0] ?? '')).toMatchObject({ code: 1 });

  const purge = (...args: string[]) => run('db', 'purge', ...args);
  expect(await purge()).toEqual(says(1, 'Either --before or --all is required'));
  expect(await purge('--before', 'x')).toEqual(says(2, 'Invalid value for --before: x'));
  expect(await purge('--before', '2020-01-01', '--verbose')).toEqual(silent(3));
  expect(await down('api', 'db', 'purge', '--all')).toMatchObject({ code: 4, stdout: expect.stringMatching(/^Unable to get cell list/) });
  const purged = await purge('--all', '--verbose', '--all-cells');
  expect(purged.code).toBe(0);
  expect(purged.stdout).toContain(`Cell ${cell0}(cell0): Deleted 2 rows from shadow_instances based on timestamp column (n/a)\n`);
  expect(await purge('--all')).toEqual(silent(3));

  await buryThree(cloud, user, giant);
  const both = await archive('--until-complete', '--purge', '--verbose');
  expect(both.code).toBe(1);
  expect(both.stdout).toContain(
    `\nRows were archived, running purge...\nCell ${cell0}(cell0): Deleted 1 rows from shadow_instances based on`,
  );
  expect(await purge('--all')).toEqual(silent(3));
});

test('the upgrade check has the table and the codes of nova-status', async () => {
  const check = (...args: string[]) => run('status', 'upgrade', 'check', ...args);
  expect((await check()).stdout).toMatch(
    /^(\+-+\+)\n\| Upgrade Check Results +\|\n\1\n\| Check: Cells v2 +\|\n\| Result: Success +\|\n\| Details: None +\|\n\1\n\| Check: Database Schemas/,
  );
  expect(await check()).toMatchObject({ code: 0, stderr: '' });
  const { api } = cloud.service;
  await query(api, `delete from host_mappings where host = 'cell1-host1'`);
  const unmapped = await check();
  expect(unmapped).toMatchObject({ code: 1, stdout: expect.stringMatching(/Check: Host Mappings +\|\n\| Result: Warning +\|\n/) });
  expect(unmapped.stdout).toContain('| Details: cell1 has hosts that are not mapped to it: cell1-host1. ');
  await query(api, 'delete from host_mappings');
  expect(JSON.parse((await check('--json')).stdout)).toContainEqual({
    ...{ name: 'Cells v2', result: 'Failure' },
    details: expect.stringMatching(/^No host mappings found but there are compute nodes\. Run command 'cellzero cell_v2 discover_hosts'/),
  });
  await run('cell_v2', 'discover_hosts');
  expect(await check()).toMatchObject({ code: 0 });
  expect(await down('cell2', 'status', 'upgrade', 'check')).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('cell2 does not answer'),
  });
  expect(await down('api', 'status', 'upgrade', 'check')).toMatchObject({ code: 255, stdout: '' });
  await query(cloud.database('cell2'), `insert into schema_migrations (version, name) values (99, 'later')`);
  expect(await check()).toMatchObject({ code: 1, stdout: expect.stringContaining('of which this command knows') });
  await query(cloud.database('cell2'), 'delete from schema_migrations where version = 99');

  const other = '44444444-0000-4000-8000-000000000001';
  const rename = (from: string, to: string) =>
    query(api, 'update cell_mappings set uuid = :to::uuid where uuid = :from::uuid', { from, to });
  await rename(cell0, other);
  expect(await check()).toMatchObject({ code: 2, stdout: expect.stringContaining('No cell0 mapping found.') });
  await rename(other, cell0);
});
