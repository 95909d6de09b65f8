import * as z from 'zod';
import { readFailure } from '../../../compute/boot/failure.ts';
import { tryAnotherCell } from '../../../compute/boot/try-another-cell.ts';
import { apiDatabase } from '../../shared/database.ts';
import { caughtError, placement, step } from './step.ts';

/** Step TryAnotherCell of boot.asl.json: returns the placement to go on with, or throws NoValidHost. */
export const handler = step(
  'TryAnotherCell',
  z.object({ placement, failure: caughtError }),
  (input) => input.placement,
  async ({ placement, failure }) => ({
    ...(await tryAnotherCell(apiDatabase(), placement, readFailure(failure))),
    request_id: placement.request_id,
  }),
);
