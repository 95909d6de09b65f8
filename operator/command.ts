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

/** Ends the help of a part of nova-manage's: Nova's exit codes, a line each. */
export const novaExitHelp = (...codes: readonly string[]) => `
Exit codes, as nova-manage has them:
${[...codes, '255  anything unexpected, or a database that does not answer'].map((code) => `  ${code}`).join('\n')}`;

/** The options that every part has. */
export interface CommonOptions {
  dataDir?: string;
  json?: true;
}

/** What a part says, and the code it ends with. An empty text is not printed. */
export interface Outcome {
  json: unknown;
  text: () => string;
  code: number;
  /** What went wrong on the side, for stderr. */
  warnings?: readonly string[];
}

/** An outcome in a sentence. */
export const saying = (message: string, code: number, json: object = {}): Outcome & { json: object } => ({
  json: { message, ...json },
  text: () => message,
  code,
});

/** Something nobody expected in a part of nova-manage's, which ends with a code of its own. */
export class Unexpected extends Error {
  override name = 'Unexpected';
}

/** Runs a part against the deployment that its options name, prints what it says and ends with its code. */
export type Perform = (options: CommonOptions, run: (api: Database) => Promise<Outcome>) => Promise<void>;

/** Gives the way parts are run; `end` takes the code the command ends with. */
export function performing(print: (text: string) => void, end: (code: number) => void): Perform {
  return async ({ dataDir, json }, run) => {
    const deployment = await reach(dataDir);
    try {
      const outcome = await run(deployment.api);
      for (const warning of outcome.warnings ?? []) console.error(`cellzero: ${warning}`);
      const said = json ? JSON.stringify(outcome.json, null, 2) : outcome.text();
      if (said !== '') print(said);
      end(outcome.code);
    } finally {
      await deployment.close();
    }
  };
}

/** Runs parts as nova-manage does: what nobody expected, an unreachable deployment included, is Unexpected. */
export function asNova(perform: Perform): Perform {
  return async (options, run) => {
    try {
      await perform(options, run);
    } catch (error) {
      throw new Unexpected('', { cause: error });
    }
  };
}

/** Adds a group of parts to the command. */
export function group(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).helpCommand(false);
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
