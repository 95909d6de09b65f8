/** What the parts of the `cellzero` command share: their common options, how they reach a deployment, and how they end. */
import { type Command, type CommandOptions, InvalidArgumentError, Option } from 'commander';
import type { Database } from '../database/data-api/client.ts';
import { stages } from '../infra/settings.ts';
import { type Choice, type Deployment, reach } from './deployment/reach.ts';
import { exitCodes } from './exit-codes.ts';

/** Ends the help of a part: how to say which deployment it is about. */
export const whichDeployment = `
Which deployment, by the first of these that is there:
  --data-dir DIR         the local or emulated one of this data directory; a local one
                         may be stopped
  --stage STAGE          the one that "cdk deploy" made in your AWS account: production
                         or throwaway
  API_DATABASE=URL       the one whose api database this is (rds-data://…)
  CELLZERO_STAGE=STAGE   as --stage
  CELLZERO_DATA_DIR=DIR  as --data-dir; .cellzero when nothing is said
In AWS, AWS_PROFILE, AWS_REGION and so on say who you are and where, as for any AWS tool.`;

/** Ends the help of a part: its exit codes, with the words for success. */
export const exitHelp = (one: string) => `
Exit codes:
  0  ${one}
  2  usage error
  3  the deployment cannot be reached`;

/** The end of the help of a part: examples, which deployment, exit codes. */
export const helpEnd = (examples: string, codes: string) => `
Examples:
${examples}
${whichDeployment}
${exitHelp(codes)}`;

/** The end of the help of a part of nova-manage's: as helpEnd, with Nova's exit codes. */
export function novaHelpEnd(examples: string, codes: Readonly<Record<number, string>>): string {
  const all = Object.entries({ ...codes, [exitCodes.unexpected]: 'a database does not answer, or anything unexpected' });
  return `
Examples:
${examples}
${whichDeployment}

Exit codes, as nova-manage has them:
${all.map(([code, meaning]) => `  ${code.padEnd(3)}  ${meaning}`).join('\n')}`;
}

/** The options that every part has. */
export interface CommonOptions extends Choice {
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
export type Perform = (options: CommonOptions, run: (api: Database, deployment: Deployment) => Promise<Outcome>) => Promise<void>;

/** Returns the way parts are run; `end` takes the code the command ends with. */
export function performing(print: (text: string) => void, end: (code: number) => void): Perform {
  return async ({ json, ...choice }, run) => {
    const deployment = await reach(choice);
    try {
      const outcome = await run(deployment.api, deployment);
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
export function part(parent: Command, name: string, options: CommandOptions = {}): Command {
  return choosing(parent.command(name, options).option('--json', 'for scripts instead of people'));
}

/** Adds the options that choose the deployment. */
export function choosing(command: Command): Command {
  return command
    .addOption(new Option('--data-dir <dir>', 'data directory of a local deployment').conflicts('stage'))
    .addOption(new Option('--stage <stage>', 'stage of a deployment in the cloud').choices(stages));
}

/** Reads an argument that is a number of something. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('It takes a whole number.');
  return number;
}

/** Makes a reader of arguments that are a number of something, between two limits. */
export const wholeNumberFrom =
  (least: number, most: number) =>
  (text: string): number => {
    const number = wholeNumber(text);
    if (number < least || number > most) throw new InvalidArgumentError(`It takes a number from ${least} to ${most}.`);
    return number;
  };

/** Reads the name of something new. */
export function entityName(text: string): string {
  if (!/^[^\p{C}\s]([^\p{C}]{0,253}[^\p{C}\s])?$/u.test(text)) {
    throw new InvalidArgumentError('It takes a name of up to 255 characters, without spaces around it.');
  }
  return text;
}
