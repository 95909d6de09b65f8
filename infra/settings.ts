/** What an operator decides about a deployment: the context of the CDK app, in cdk.json or given to the cdk command with `-c`. */
import type { App } from 'aws-cdk-lib';
import * as z from 'zod';
import { settingsSchema } from '../compute/settings.ts';

/** Names that other stacks of a deployment carry. */
const taken = ['api', 'api-database', 'cell0', 'control-plane', 'network'];

const cellName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'a cell is named in lower-case letters, digits and hyphens')
  .refine((name) => !taken.includes(name), 'the name belongs to another stack');

/** A range of Aurora's capacity units (ACU), in halves: from 0, where a database sleeps when nobody asks, to 256. */
const capacity = z
  .string()
  .regex(/^\d+(\.5)?-\d+(\.5)?$/, 'capacity is given as the least and the most ACU, such as 0-8')
  .transform((range) => {
    const [min = 0, max = 0] = range.split('-').map(Number);
    return { min, max };
  })
  .refine(({ min, max }) => min <= max && max >= 1 && max <= 256, 'capacity is from 0 to 256 ACU, the most at least 1');

/** Returns an object that is given with `-c` as JSON, and any other value as it is. */
function readJson(given: unknown, { addIssue }: z.RefinementCtx): unknown {
  if (typeof given !== 'string') return given;
  try {
    return JSON.parse(given);
  } catch {
    addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
}

/** The deployments that may stand beside each other in an account. */
export const stages = ['production', 'throwaway'] as const;

const context = z.object({
  /** Live cells, a stack each: a list, or names with commas between them where it is given with `-c`. */
  cells: z
    .preprocess((cells) => (typeof cells === 'string' ? cells.split(',') : cells), z.array(cellName))
    .refine((names) => new Set(names).size === names.length, 'two cells have the same name'),
  /** How many simulated hosts each live cell gets. */
  simulatedHosts: z.coerce.number().int().min(0).default(2),
  /** How simulated hosts behave, where they shall be slow, fail or report later (`lambdas/shared/host-driver.ts`): an object, or its JSON where it is given with `-c`. */
  simulation: z.union([z.string(), z.record(z.string(), z.unknown()).transform((settings) => JSON.stringify(settings))]).default(''),
  /** Nova's options that differ from its defaults (`compute/settings.ts`): an object, or its JSON where it is given with `-c`. */
  settings: z.preprocess(readJson, settingsSchema.prefault({})),
  /** `throwaway` deletes its data with its stacks, and stands beside production in the same account without reaching it. */
  stage: z.enum(stages).default('production'),
  /** Where clients reach the API when it is not at the address of API Gateway; empty otherwise. */
  publicUrl: z.union([z.literal(''), z.url()]).default(''),
  /**
   * How many functions the account runs at once (Lambda's quota "Concurrent executions"), of which the API's get shares of their own; 0 sets nothing aside.
   * Lambda leaves at least 100 to functions without a share.
   */
  lambdaConcurrency: z.coerce
    .number()
    .int()
    .default(0)
    .refine((count) => count === 0 || count >= 250, 'of fewer than 250 there are none to set aside'),
  /** Capacity of the api database, and of cell0 and every cell. */
  apiCapacity: capacity.default({ min: 0, max: 8 }),
  cellCapacity: capacity.default({ min: 0, max: 8 }),
  /** Whether the api database has a second instance in another zone, which takes over when the first one fails. */
  apiReader: z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]).default(false),
  /** Aurora PostgreSQL's version. */
  postgresVersion: z
    .string()
    .regex(/^\d+\.\d+$/, 'a version of Aurora PostgreSQL has a major and a minor number')
    .default('17.7'),
});

/** A range of Aurora's capacity units. */
export type Capacity = z.infer<typeof capacity>;

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
  return context.parse(Object.fromEntries(Object.keys(context.shape).map((name) => [name, node.tryGetContext(name)])));
}
