import * as z from 'zod';
import { readFailure } from '../../compute/boot/failure.ts';
import { tryAnotherCell } from '../../compute/boot/try-another-cell.ts';
import { apiDatabase } from '../api-database.ts';
import { reportNoValidHost } from './report-no-valid-host.ts';
import { caughtError, placement, step } from './step.ts';

/** Step TryAnotherCell of boot.asl.json: gives the placement to go on with, or throws NoValidHost. */
export const handler = step(z.object({ placement, failure: caughtError }), (input) =>
  tryAnotherCell(apiDatabase(), input.placement, readFailure(input.failure)).catch(reportNoValidHost(input.placement.execution)),
);
