/** What all steps of the boot workflow share: the slice of the state that a step takes is checked where it comes in, and what it does is observed. */
import * as z from 'zod';
import { handOn, isForeseen } from '../../../compute/boot/failure.ts';
import { type InvocationContext, identify, log, observed } from '../../shared/observation/invocation.ts';

/** The ids that go with a boot from step to step. */
const ids = {
  /** The execution that owns the servers. */
  execution: z.string(),
  /** Of the request of the client; null where the reaper goes on with servers of several. */
  request_id: z.string().nullable().default(null),
};

/** What a Catch of the workflow puts into the state. */
export const caughtError = z.object({ Error: z.string(), Cause: z.string() });

/** A build that its host reported as failed. */
const failed = z.object({ host: z.string(), alternates: z.array(z.string()), attempt: z.int(), failure: caughtError }).optional();

/**
 * All servers of the request, or the one whose build failed, where an execution goes on from that: the input of an execution. The first version was not
 * numbered.
 */
export const servers = z.object({ ...ids, version: z.literal(1).default(1), servers: z.array(z.uuid()), failed });

/** A server on the host where it has its allocation. */
export const placement = z.object({
  ...ids,
  server: z.uuid(),
  cell: z.string(),
  host: z.string(),
  zone: z.string(),
  alternates: z.array(z.string()),
  failures: z.int().default(0),
  refusals: z.int().default(0),
  failed,
});

/** A server in its cell, ready to be built. */
export const created = z.object({
  ...ids,
  server: z.uuid(),
  host: z.string(),
  fencing_token: z.int(),
  connection: z.string(),
  alternates: z.array(z.string()),
  attempt: z.int(),
  reported: caughtError.optional(),
});

/** What every slice of the state says of its servers, at its top or in the part about one of them. */
type Subject = { execution: string; request_id: string | null } & ({ server: string } | { servers: string[] });

/**
 * Makes the Lambda handler of a step from its state's name, its input's schema, whom that is about, and what the step does. Its errors reach the workflow
 * by their names.
 */
export function step<Input, Output>(
  state: string,
  input: z.ZodType<Input>,
  about: (input: Input) => Subject,
  run: (input: Input) => Promise<Output>,
) {
  return (event: unknown, context?: InvocationContext): Promise<Output> =>
    observed(state, context, async () => {
      const slice = input.parse(event);
      const { execution, request_id, ...subject } = about(slice);
      identify({ execution, request_id, servers: 'servers' in subject ? subject.servers : [subject.server] });
      try {
        return await run(slice);
      } catch (error) {
        log()[isForeseen(error) ? 'info' : 'warn']('the step failed', { error });
        throw handOn(error);
      }
    });
}
