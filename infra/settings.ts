/** What an operator decides about a deployment: the context of the CDK app, in cdk.json or given to the cdk command with `-c`. */
import type { App } from 'aws-cdk-lib';
import * as z from 'zod';

/** Names that other stacks of a deployment carry. */
const taken = ['api', 'api-database', 'cell0', 'control-plane', 'network'];

const cellName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'a cell is named in lower-case letters, digits and hyphens')
  .refine((name) => !taken.includes(name), 'the name belongs to another stack');

/** The deployments that may stand beside each other in an account. */
export const stages = ['production', 'throwaway'] as const;

const context = z.object({
  /** Live cells, a stack each: a list, or names with commas between them where it is given with `-c`. */
  cells: z
    .preprocess((cells) => (typeof cells === 'string' ? cells.split(',') : cells), z.array(cellName))
    .refine((names) => new Set(names).size === names.length, 'two cells have the same name'),
  /** How many simulated hosts each live cell gets. */
  simulatedHosts: z.coerce.number().int().min(0).default(2),
  /** `throwaway` deletes its data with its stacks, and stands beside production in the same account without reaching it. */
  stage: z.enum(stages).default('production'),
  /** Where clients reach the API when it is not at the address of API Gateway; empty otherwise. */
  publicUrl: z.union([z.literal(''), z.url()]).default(''),
  /** How many functions the account runs at once: Lambda's quota "Concurrent executions", which may be 10 in a new account. */
  lambdaConcurrency: z.coerce.number().int().min(0).default(1_000),
});

/** The validated context of the app. */
export type Settings = z.infer<typeof context>;

/** Whether the deployment keeps its data when its stacks go. */
export type Stage = Settings['stage'];

/** What the names of everything in a deployment begin with: stages stand beside each other in an account. */
export function prefixOf(stage: Stage): string {
  return stage === 'production' ? 'cellzero' : `${stage}-cellzero`;
}

/**
 * Reads the context.
 * @throws ZodError that names what is wrong.
 */
export function readSettings({ node }: App): Settings {
  return context.parse({
    cells: node.tryGetContext('cells'),
    simulatedHosts: node.tryGetContext('simulatedHosts'),
    stage: node.tryGetContext('stage'),
    publicUrl: node.tryGetContext('publicUrl'),
    lambdaConcurrency: node.tryGetContext('lambdaConcurrency'),
  });
}
