/** The passwords of the users that a cloud on one machine starts with. */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const passwordsSchema = z.object({ admin: z.string(), demo: z.string() });

/** The password of each user by name. */
export type Passwords = z.infer<typeof passwordsSchema>;

/** Returns the passwords that the data directory keeps, readable by its owner alone; the first time it makes them. */
export async function keptPasswords(dataDir: string): Promise<Passwords> {
  const file = join(dataDir, 'passwords.json');
  try {
    return passwordsSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    const passwords = { admin: randomBytes(18).toString('base64url'), demo: randomBytes(18).toString('base64url') };
    await writeFile(file, JSON.stringify(passwords), { mode: 0o600 });
    return passwords;
  }
}
