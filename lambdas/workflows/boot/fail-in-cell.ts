import * as z from 'zod';
import { failInCell } from '../../../compute/boot/fail-in-cell.ts';
import { readFailure } from '../../../compute/boot/failure.ts';
import { apiDatabase } from '../../shared/database.ts';
import { hostDriver } from '../../shared/host-driver.ts';
import { buildEnded } from './build-ended.ts';
import { caughtError, created, step } from './step.ts';

/** Step FailInCell of boot.asl.json: returns when the server is in ERROR in its own cell. */
export const handler = step(
  'FailInCell',
  z.object({ created, failure: caughtError }),
  (input) => input.created,
  async ({ created, failure }) => {
    const ended = await failInCell(apiDatabase(), hostDriver(), created, readFailure(failure));
    if (ended) buildEnded('BootsFailedInCell', [ended]);
  },
);
