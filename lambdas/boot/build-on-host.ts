import * as z from 'zod';
import { buildOnHost } from '../../compute/boot/build-on-host.ts';
import { simulatedDriver } from '../../compute/drivers/simulated.ts';
import { created, step } from './step.ts';

/** Step BuildOnHost of boot.asl.json: returns when the server is ACTIVE or gone, or throws BuildFailure. */
export const handler = step(z.object({ created }), (input) => buildOnHost(simulatedDriver, input.created));
