/** Cells that do not answer: what could be done elsewhere is done, they are named on stderr, and the exit code says that not all was done. */
import type { CellFailure } from '../../compute/cells/reach.ts';
import type { Outcome } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

/** Adds failures of cells to an outcome. */
export function withFailures(outcome: Omit<Outcome, 'json'> & { json: object }, failures: readonly CellFailure[]): Outcome {
  return {
    ...outcome,
    json: { ...outcome.json, failures },
    code: failures.length > 0 ? exitCodes.unexpected : outcome.code,
    warnings: failures.map(({ cell, reason }) => `${cell}: ${reason}`),
  };
}
