import * as z from 'zod';
import { failInCell } from '../../compute/boot/fail-in-cell.ts';
import { readFailure } from '../../compute/boot/failure.ts';
import { apiDatabase } from '../api-database.ts';
import { hostDriver } from '../driver.ts';
import { caughtError, created, step } from './step.ts';

/** Step FailInCell of boot.asl.json: returns when the server is in ERROR in its own cell. */
export const handler = step(z.object({ created, failure: caughtError }), (input) =>
  failInCell(apiDatabase(), hostDriver(), input.created, readFailure(input.failure)),
);
