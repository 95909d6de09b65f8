import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import { apiDatabase } from '../../shared/database.ts';
import { fitState } from './state-limit.ts';
import { servers, step } from './step.ts';

/** Step ScheduleServers of boot.asl.json: returns the placements of the servers, as many as the state holds, or throws NoValidHost. */
export const handler = step(
  'ScheduleServers',
  servers,
  (input) => input,
  async (input) => {
    const placements = await scheduleServers(apiDatabase(), input.execution, input.servers);
    return fitState(
      input,
      placements.map((placement) => ({ ...placement, request_id: input.request_id, ...(input.failed && { failed: input.failed }) })),
    );
  },
);
