import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { apiDatabase } from '../../shared/database.ts';
import { servers, step } from './step.ts';

/** Step ScheduleServers of boot.asl.json: returns the placements of all servers, or throws NoValidHost. */
export const handler = step(
  'ScheduleServers',
  servers,
  (input) => input,
  async ({ execution, request_id, servers }) =>
    (await scheduleServers(apiDatabase(), execution, servers)).map((placement) => ({ ...placement, request_id })),
);
