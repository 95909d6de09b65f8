import * as z from 'zod';
import { buildOnHost } from '../../compute/boot/build-on-host.ts';
import { hostDriver } from '../driver.ts';
import { created, step } from './step.ts';

/** Step BuildOnHost of boot.asl.json: returns when the server is ACTIVE or gone, or throws BuildFailure or BuildAborted. */
export const handler = step(z.object({ created }), (input) => buildOnHost(hostDriver(), input.created));
