import * as z from 'zod';
import { readFailure } from '../../../compute/boot/failure.ts';
import { reschedule } from '../../../compute/boot/reschedule.ts';
import { apiDatabase } from '../../shared/database.ts';
import { hostDriver } from '../../shared/host-driver.ts';
import { caughtError, created, step } from './step.ts';

/** Step Reschedule of boot.asl.json: returns the server on its next host, or throws MaxRetriesExceeded. */
export const handler = step(
  'Reschedule',
  z.object({ created, failure: caughtError }),
  (input) => input.created,
  async ({ created, failure }) => (await reschedule(apiDatabase(), hostDriver(), created, readFailure(failure))).created,
);
