/** nova-manage's commands about cells on a deployment of three cells, as the operator's command runs them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, vi } from 'vitest';
import { audit } from '../../compute/audit/audit.ts';
import { query } from '../../database/data-api/client.ts';
import { type Cloud, startCloud, type User } from '../fixtures/cloud.ts';
import { cellzero, type Ended } from './run.ts';

/** Exported as they are once the deployment runs. */
export let cloud: Cloud;
export let user: User;
/** Path of a folder that holds the data of the deployment. */
export let parent: string;

/** Starts the deployment of a test file. */
export function operateCells(): void {
  // A process a command adds up where many tests share two processors.
  vi.setConfig({ testTimeout: 120_000 });
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'cellzero-cell-v2-'));
    cloud = await startCloud({ dataDir: join(parent, 'data'), cells: 3 });
    user = await cloud.newUser();
  });
  afterAll(async () => {
    await cloud?.stop();
    await rm(parent, { recursive: true, force: true });
  });
}

export const cellV2 = (...args: string[]) => cellzero(['cell_v2', ...args, '--data-dir', join(parent, 'data')]);

/** Returns the uuid of a cell. */
export const uuidOf = async (name: string) => {
  const [cell] = await query<{ uuid: string }>(cloud.service.api, 'select uuid from cell_mappings where name = :name', { name });
  return cell?.uuid ?? '';
};

/** Returns the cell of a server. */
export const cellOf = async (id: string) => {
  const [row] = await query<{ name: string; uuid: string }>(
    cloud.service.api,
    'select c.name, c.uuid from instance_mappings m join cell_mappings c on c.id = m.cell_id where instance_uuid = :id::uuid',
    { id },
  );
  return row ?? { name: '', uuid: '' };
};

/** A uuid that nothing has. */
export const nobody = '11111111-0000-4000-8000-000000000001';

/** How a command ends that prints nothing, or these lines. */
export const silent = (code: number): Ended => ({ code, stdout: '', stderr: '' });
export const says = (code: number, ...lines: string[]): Ended => ({ code, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' });

export const findings = async () => (await audit(cloud.service.api, { settled: true })).findings;
