/** Lambda on one machine: the caller of a function hands it a context whose time runs out when AWS would end the deployed one. */
import { randomUUID } from 'node:crypto';
import type { InvocationContext } from '../../lambdas/shared/observation/invocation.ts';

/** A handler of a function: what it is called with, and the context of the invocation. */
type Handler<Event, Result> = (event: Event, context?: InvocationContext) => Promise<Result>;

/** Makes functions of handlers. */
export interface Functions {
  /** Milliseconds that every invocation has from now on, for tests; undefined leaves each function the time that it has in the cloud. */
  time: number | undefined;
  /** Returns a function that calls the handler with a context of its own; `seconds` is what the deployed function has. */
  of<Event, Result>(handler: Handler<Event, Result>, seconds: number): (event: Event) => Promise<Result>;
}

/** Returns a maker of functions. */
export function createFunctions(): Functions {
  const functions: Functions = {
    time: undefined,
    of: (handler, seconds) => (event) => {
      const end = Date.now() + (functions.time ?? seconds * 1_000);
      return handler(event, { awsRequestId: randomUUID(), getRemainingTimeInMillis: () => end - Date.now() });
    },
  };
  return functions;
}
