import * as z from 'zod';
import { buildOnHost } from '../../../compute/boot/build-on-host.ts';
import { hostDriver } from '../../shared/host-driver.ts';
import { settings } from '../../shared/settings.ts';
import { buildEnded } from './build-ended.ts';
import { created, step } from './step.ts';

/** Step BuildOnHost of boot.asl.json: returns when the server is ACTIVE or gone, or throws BuildFailure or BuildAborted. */
export const handler = step(
  'BuildOnHost',
  z.object({ created }),
  (input) => input.created,
  async (input) => {
    const ended = await buildOnHost(hostDriver(), input.created, undefined, settings());
    if (ended) buildEnded('BootsActive', [ended]);
  },
);
