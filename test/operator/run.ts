/** Running the operator's command as an operator does: as a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a command ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

const command = fileURLToPath(new URL('../../operator/cellzero.ts', import.meta.url));

const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;

/** Runs `cellzero` with nothing in its environment but PATH, a cache, and what is given, and with `input` as its standard input. */
export function cellzero(args: readonly string[], environment: Readonly<Record<string, string>> = {}, input = ''): Promise<Ended> {
  return new Promise((done) => {
    const env = { PATH, NODE_COMPILE_CACHE, ...environment };
    const child = execFile(process.execPath, [command, ...args], { env, cwd: '/' }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0;
      done({ code, stdout, stderr });
    });
    child.stdin?.on('error', () => undefined).end(input);
  });
}
