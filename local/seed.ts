/** What a new cloud has on one machine: its cells with their simulated hosts, DevStack's flavors, an image, and two users. Safe to do again at every start. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { cell0 } from '../compute/cells.ts';
import { hashPassword } from '../compute/identity/password.ts';
import { cirros } from '../compute/image/cirros.ts';
import { saveCellMapping } from '../database/api/cell-mappings.ts';
import { createFlavor } from '../database/api/flavors.ts';
import { type NewHost, saveHosts } from '../database/api/hosts.ts';
import { ensureImage } from '../database/api/images.ts';
import { ensureProject, ensureUser } from '../database/api/users.ts';
import { saveComputeNodes } from '../database/cell/hosts.ts';
import { type Database, parseDatabaseUrl } from '../database/data-api.ts';
import { databaseUrl } from './arns.ts';

/** DevStack's flavors: name, id, vCPUs, memory in MiB, disk in GiB. */
const flavors = [
  ['m1.tiny', '1', 1, 512, 1],
  ['m1.small', '2', 1, 2_048, 20],
  ['m1.medium', '3', 2, 4_096, 40],
  ['m1.large', '4', 4, 8_192, 80],
  ['m1.xlarge', '5', 8, 16_384, 160],
] as const;

/** What every simulated host has. */
const hostTotal = { VCPU: 16, MEMORY_MB: 64 * 1_024, DISK_GB: 500 };

/** A uuid that follows from a name, so that a cell or a host keeps its own over restarts. */
export function namedUuid(name: string): string {
  const hex = createHash('sha256').update(`cellzero ${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

/** Registers a cell; live ones (all but cell0) with this many simulated hosts. */
export async function seedCell(api: Database, name: string, hosts: number): Promise<void> {
  const uuid = name === 'cell0' ? cell0 : namedUuid(name);
  const connection = databaseUrl(name);
  await saveCellMapping(api, { uuid, name, database_connection: connection });
  if (name === 'cell0') return;
  const members: NewHost[] = Array.from({ length: hosts }, (_, index) => {
    const host = `${name}-host${index + 1}`;
    return { uuid: namedUuid(host), host, total: hostTotal };
  });
  await saveComputeNodes(parseDatabaseUrl(connection), members);
  await saveHosts(api, uuid, members);
}

/** Adds the flavors and the image. */
export async function seedCatalogue(api: Database): Promise<void> {
  const owner = await ensureProject(api, { name: 'admin' });
  const adding = flavors.map(([name, flavorid, vcpus, memory_mb, root_gb]) =>
    createFlavor(api, {
      ...{ name, flavorid, vcpus, memory_mb, root_gb },
      ...{ ephemeral_gb: 0, swap: 0, rxtx_factor: 1, is_public: true, description: null },
    }),
  );
  await Promise.all([ensureImage(api, cirros(owner)), ...adding]);
}

/** The passwords of the two users. */
export interface Passwords {
  admin: string;
  demo: string;
}

/** Makes the users `admin` (of project admin) and `demo` (of project demo); their passwords are kept in the data directory, readable by its owner. */
export async function seedUsers(api: Database, dataDir: string): Promise<Passwords> {
  const passwords = await keptPasswords(join(dataDir, 'passwords.json'));
  const seed = async (name: keyof Passwords, role: string) => {
    const [project, passwordHash] = await Promise.all([ensureProject(api, { name }), hashPassword(passwords[name])]);
    await ensureUser(api, { name, passwordHash, project, role });
  };
  await Promise.all([seed('admin', 'admin'), seed('demo', 'member')]);
  return passwords;
}

const passwordsSchema = z.object({ admin: z.string(), demo: z.string() });

async function keptPasswords(file: string): Promise<Passwords> {
  try {
    return passwordsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    const passwords = { admin: randomBytes(18).toString('base64url'), demo: randomBytes(18).toString('base64url') };
    await writeFile(file, JSON.stringify(passwords), { mode: 0o600 });
    return passwords;
  }
}
