import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { cell0 } from '../../../compute/cells/cell0.ts';
import { addHosts } from '../../../compute/hosts/hosts.ts';
import { listCellMappings } from '../../../database/api/cells/cell-mappings.ts';
import { removeHost } from '../../../database/api/hosts/host-mappings.ts';
import { listHosts } from '../../../database/api/hosts/hosts.ts';
import { query } from '../../../database/data-api/client.ts';
import { handler } from '../../../lambdas/deploy/register-cell.ts';
import { databaseUrl } from '../../../local/aws/arns.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud({ cells: 3, hosts: 0 });
});
afterAll(() => cloud?.stop());
afterEach(() => vi.unstubAllEnvs());

/** Registers a cell as the function of its stack does. */
async function register(name: string, simulatedHosts: string, connection = cloud.service.databases.get(name)): Promise<void> {
  vi.stubEnv('CELL', name);
  vi.stubEnv('SIMULATED_HOSTS', simulatedHosts);
  vi.stubEnv('DATABASE', connection);
  await handler();
}

const hostsOf = async (cell: string) => (await listHosts(cloud.service.api)).filter((host) => host.cell === cell).map(({ host }) => host);
const mapping = async (name: string) => (await listCellMappings(cloud.service.api)).find((cell) => cell.name === name);

test('a registered cell has its hosts in both databases, and registering it again changes nothing', async () => {
  await register('cell1', '2');
  const before = await mapping('cell1');
  await register('cell1', '2');
  expect(await mapping('cell1')).toEqual(before);
  expect(await hostsOf('cell1')).toEqual(['cell1-host1', 'cell1-host2']);
  const nodes = await query(cloud.database('cell1'), 'select host, vcpus, memory_mb, local_gb from compute_nodes order by host');
  expect(nodes).toEqual(['cell1-host1', 'cell1-host2'].map((host) => ({ host, vcpus: 16, memory_mb: 65_536, local_gb: 500 })));
});

test('servers are booted into a cell as soon as it is registered', async () => {
  const user = await cloud.newUser();
  await register('cell1', '1');
  expect((await user.settled(await user.boot())).status).toBe('ACTIVE');
});

test('fewer hosts take none away, and a cell that was disabled stays so', async () => {
  await register('cell1', '2');
  await query(cloud.service.api, `update cell_mappings set disabled = true where name = 'cell1'`);
  await register('cell1', '1');
  expect(await hostsOf('cell1')).toHaveLength(2);
  expect(await mapping('cell1')).toMatchObject({ disabled: true });
});

test('a host that was deleted stays so until the number of hosts grows', async () => {
  await register('cell3', '2');
  for (const host of await hostsOf('cell3')) await removeHost(cloud.service.api, host);
  await register('cell3', '2');
  expect(await hostsOf('cell3')).toEqual([]);
  await register('cell3', '3');
  expect(await hostsOf('cell3')).toEqual(['cell3-host3']);
  await register('cell3', '1');
  await register('cell3', '2');
  expect(await hostsOf('cell3')).toEqual(['cell3-host2', 'cell3-host3']);
});

test('a host that an operator added before its number came stays as large as it is', async () => {
  await register('cell3', '3');
  expect(await addHosts(cloud.service.api, 'cell3', 1, { VCPU: 64, MEMORY_MB: 1_024, DISK_GB: 7 })).toEqual(['cell3-host4']);
  await register('cell3', '4');
  expect(await query(cloud.database('cell3'), `select vcpus from compute_nodes where host = 'cell3-host4'`)).toEqual([{ vcpus: 64 }]);
});

test('a cell that was registered before its number of hosts was noted gets none from its next deployment, and some from a larger number', async () => {
  await register('cell3', '4');
  await query(cloud.service.api, `update cell_mappings set simulated_hosts = null where name = 'cell3'`);
  for (const host of await hostsOf('cell3')) await removeHost(cloud.service.api, host);
  await register('cell3', '4');
  expect(await hostsOf('cell3')).toEqual([]);
  await register('cell3', '5');
  expect(await hostsOf('cell3')).toEqual(['cell3-host5']);
});

test('a cell whose database moved is found at its new place under its old uuid', async () => {
  const before = await mapping('cell2');
  await register('cell2', '0', databaseUrl('restored'));
  expect(await mapping('cell2')).toEqual({ ...before, database_connection: databaseUrl('restored') });
});

test('rights that are not in force yet are waited for', async () => {
  const fault = cloud.service.dataApi.faults.add({ kind: 'before', error: 'ForbiddenException', cluster: 'cell2', nth: 1 });
  await register('cell2', '1');
  fault.lift();
  expect(fault.hits).toBe(1);
  expect(await hostsOf('cell2')).toEqual(['cell2-host1']);
});

test('an answer that is lost registers nothing twice', async () => {
  const faults = ['api', 'cell1'].map((cluster) => cloud.service.dataApi.faults.add({ kind: 'after', cluster, nth: 1 }));
  await register('cell1', '3');
  for (const fault of faults) fault.lift();
  expect(faults.map(({ hits }) => hits)).toEqual([1, 1]);
  expect(await query(cloud.database('cell1'), 'select host from compute_nodes')).toHaveLength(3);
  expect(await hostsOf('cell1')).toHaveLength(3);
});

test('cell0 has the all-zero uuid and no hosts', async () => {
  await register('cell0', '0');
  expect(await mapping('cell0')).toMatchObject({ uuid: cell0, database_connection: cloud.service.databases.get('cell0') });
  expect(await hostsOf('cell0')).toEqual([]);
});

test.each(['two', '-1'])('SIMULATED_HOSTS that are %j register nothing', async (hosts) => {
  await expect(register('cell9', hosts, databaseUrl('cell9'))).rejects.toThrow('number');
  expect(await mapping('cell9')).toBeUndefined();
});
