/** What `npm start` takes on its command line. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ServiceOptions } from '../deployment/service.ts';

/** The command line asks for something that cannot be. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** What `--help` prints. */
export const usage = `Usage: npm start -- [options]

  --port N        where to listen, 0 takes a free port (8774)
  --host ADDRESS  on which address; others than 127.0.0.1 let others in (127.0.0.1)
  --data-dir DIR  where to keep the data (.cellzero)
  --ephemeral     keep no data
  --cells N       live cells beside cell0; with 0 every server ends in cell0 (2)
  --hosts N       simulated hosts in each of them (2)`;

/** One PostgreSQL holds all cells, a database each with up to 8 connections, and has 200 of these. */
const mostCells = 20;
const mostHosts = 1_000;
const mostPorts = 65_535;

/**
 * Reads the command line.
 * @returns what to run, or `help` when that is asked for.
 * @throws UsageError
 */
export function readOptions(args: readonly string[]): ServiceOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  if (values.ephemeral && values['data-dir'] !== undefined) throw new UsageError('--ephemeral keeps no data, so it takes no --data-dir.');
  if (values['data-dir'] === '' || values.host === '') throw new UsageError('--data-dir and --host take a name.');
  return {
    dataDir: values.ephemeral ? undefined : resolve(values['data-dir'] ?? '.cellzero'),
    cells: count('--cells', values.cells, mostCells),
    hosts: count('--hosts', values.hosts, mostHosts),
    host: values.host,
    port: count('--port', values.port, mostPorts),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '8774' },
        host: { type: 'string', default: '127.0.0.1' },
        'data-dir': { type: 'string' },
        ephemeral: { type: 'boolean', default: false },
        cells: { type: 'string', default: '2' },
        hosts: { type: 'string', default: '2' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    // parseArgs adds advice of its own after the first sentence.
    if (error instanceof TypeError) throw new UsageError(`${error.message.split(/\. |\n/, 1)[0]?.replace(/\.$/, '')}.`, { cause: error });
    throw error;
  }
}

function count(option: string, text: string, most: number): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number <= most)) throw new UsageError(`${option} takes a whole number from 0 to ${most}, not "${text}".`);
  return number;
}
