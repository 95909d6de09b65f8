import { bootOne } from '../../../compute/boot/boot-one.ts';
import { apiDatabase } from '../../shared/database.ts';
import { hostDriver } from '../../shared/host-driver.ts';
import { settings } from '../../shared/settings.ts';
import { buildEnded } from './build-ended.ts';
import { servers, step } from './step.ts';

/** Step BootOne of boot.asl.json: returns when the server is ACTIVE, in ERROR in its own cell, or gone; throws NoValidHost, or what ScheduleServers goes on from. */
export const handler = step(
  'BootOne',
  servers,
  (input) => input,
  async (input) => {
    const end = await bootOne(apiDatabase(), hostDriver(), input, settings());
    if (end) buildEnded(end.failure ? 'BootsFailedInCell' : 'BootsActive', [end.build]);
  },
);
