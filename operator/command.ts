/** What the parts of the `cellzero` command share: their common options, how they reach a deployment, and how they end. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Database } from '../database/data-api.ts';
import { reach } from './reach.ts';

/** Ends the help of a part: how to say which deployment it is about. */
export const whichDeployment = `
Which deployment:
  --data-dir DIR         the local one whose data is there, running or stopped
  API_DATABASE=URL       the one whose api database this is (rds-data://…), with the
                         AWS SDK's own variables for region and credentials
  CELLZERO_DATA_DIR=DIR  as --data-dir; .cellzero when nothing is said`;

/** Ends the help of a part: its exit codes, with the words for success. */
export const exitHelp = (one: string) => `
Exit codes:
  0  ${one}
  2  the command line makes no sense
  3  the deployment cannot be reached`;

/** The options that every part has. */
export interface CommonOptions {
  dataDir?: string;
  json?: true;
}

/** What a part says, and the code it ends with. */
export interface Outcome {
  json: unknown;
  text: () => string;
  code: number;
}

/** Runs a part against the deployment that its options name, prints what it says and ends with its code. */
export type Perform = (options: CommonOptions, run: (api: Database) => Promise<Outcome>) => Promise<void>;

/** Gives the way parts are run; `end` takes the code the command ends with. */
export function performing(print: (text: string) => void, end: (code: number) => void): Perform {
  return async ({ dataDir, json }, run) => {
    const deployment = await reach(dataDir);
    try {
      const outcome = await run(deployment.api);
      print(json ? JSON.stringify(outcome.json, null, 2) : outcome.text());
      end(outcome.code);
    } finally {
      await deployment.close();
    }
  };
}

/** Adds a part to the command, or to a group of parts, with the common options. */
export function part(parent: Command, name: string): Command {
  return parent
    .command(name)
    .option('--json', 'for scripts instead of people')
    .option('--data-dir <dir>', 'data directory of a local deployment');
}

/** Reads an argument that is a number of something. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('It takes a whole number.');
  return number;
}
