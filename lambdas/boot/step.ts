/** What all steps of the boot workflow share: the slice of the state that a step takes is checked where it comes in. */
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import * as z from 'zod';

/** Makes the Lambda handler of a step from its input's schema and what it does; its errors reach the workflow by their names. */
export function step<Input, Output>(input: z.ZodType<Input>, run: (input: Input) => Promise<Output>) {
  const handler = middy().handler((event: unknown) => run(input.parse(event)));
  return (event: unknown, context?: Context): Promise<Output> => handler(event, context ?? ({} as Context));
}

/** A server on the host that claimed room for it. */
export const placement = z.object({
  execution: z.string(),
  server: z.uuid(),
  cell: z.string(),
  host: z.string(),
  zone: z.string(),
  alternates: z.array(z.string()),
});

/** A server in its cell, ready to be built. */
export const created = z.object({
  server: z.uuid(),
  host: z.string(),
  connection: z.string(),
  flavor: z.object({ vcpus: z.number(), memory_mb: z.number(), root_gb: z.number() }),
  image: z.object({ id: z.string(), properties: z.record(z.string(), z.string()) }).nullable(),
  alternates: z.array(z.string()),
  attempt: z.int(),
});

/** What a Catch of the workflow puts into the state. */
export const caughtError = z.object({ Error: z.string(), Cause: z.string() });
