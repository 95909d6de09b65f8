import * as z from 'zod';
import { buryInCell0 } from '../../compute/boot/bury-in-cell0.ts';
import { readFailure } from '../../compute/boot/failure.ts';
import { apiDatabase } from '../api-database.ts';
import { caughtError, step } from './step.ts';

/** Step BuryInCell0 of boot.asl.json: returns when the servers that have no cell are in cell0. */
export const handler = step(z.object({ execution: z.string(), servers: z.array(z.uuid()), failure: caughtError }), (input) =>
  buryInCell0(apiDatabase(), input.execution, input.servers, readFailure(input.failure)),
);
