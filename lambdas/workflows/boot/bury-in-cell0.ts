import { buryInCell0 } from '../../../compute/boot/bury-in-cell0.ts';
import { readFailure } from '../../../compute/boot/failure.ts';
import { apiDatabase } from '../../shared/database.ts';
import { buildEnded } from './build-ended.ts';
import { caughtError, servers, step } from './step.ts';

/** Step BuryInCell0 of boot.asl.json: returns when the servers that have no cell are in cell0. */
export const handler = step(
  'BuryInCell0',
  servers.extend({ failure: caughtError }),
  (input) => input,
  async ({ execution, servers, failure: caught }) => {
    const failure = readFailure(caught);
    buildEnded('BootsBuried', await buryInCell0(apiDatabase(), execution, servers, failure), failure.cause);
  },
);
