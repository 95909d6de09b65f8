/**
 * One deadline an invocation. It is set where a function is called (`lambdas/shared/observation/invocation.ts`) and read where a statement is sent, so nobody between the
 * two can forget to hand it on, and no statement outlives its caller.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const deadlines = new AsyncLocalStorage<number>();

/** Runs work whose statements end at a time (in milliseconds since 1970), or at the deadline in force where that is earlier. */
export function withDeadline<Result>(time: number, work: () => Result): Result {
  return deadlines.run(Math.min(time, deadline()), work);
}

/** Returns the deadline in force, in milliseconds since 1970; Infinity where none is. */
export function deadline(): number {
  return deadlines.getStore() ?? Number.POSITIVE_INFINITY;
}
