/** Programs from PyPI, each in a virtual environment that is made at its first use. */
import { execFile } from 'node:child_process';
import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Python or pip did not do its part; the cause says why. */
export class InstallFailed extends Error {
  override name = 'InstallFailed';
}

/** Returns whether a virtual environment holds just what a requirements file asks for. */
export async function isInstalled(environment: string, requirements: string): Promise<boolean> {
  const [wanted, has] = await Promise.all([readFile(requirements, 'utf8'), readFile(stamp(environment), 'utf8').catch(() => undefined)]);
  return has === wanted;
}

/**
 * Makes the virtual environment anew unless it holds just what the requirements file asks for.
 * @throws InstallFailed
 */
export async function install(environment: string, requirements: string): Promise<void> {
  if (await isInstalled(environment, requirements)) return;
  await rm(environment, { recursive: true, force: true });
  try {
    await run('python3', ['-m', 'venv', environment]);
    await run(join(environment, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', '--requirement', requirements]);
  } catch (error) {
    throw new InstallFailed(`cannot install what ${requirements} asks for`, { cause: error });
  }
  await cp(requirements, stamp(environment));
}

/** Written last, so that an installation that was broken off counts for nothing. */
const stamp = (environment: string) => join(environment, 'requirements.txt');
