import * as z from 'zod';
import { scheduleServers } from '../../compute/boot/schedule-servers.ts';
import { apiDatabase } from '../api-database.ts';
import { reportNoValidHost } from './report-no-valid-host.ts';
import { step } from './step.ts';

const input = z.object({ execution: z.string(), servers: z.array(z.uuid()) });

/** Step ScheduleServers of boot.asl.json: gives the placements of all servers, or throws NoValidHost. */
export const handler = step(input, ({ execution, servers }) =>
  scheduleServers(apiDatabase(), execution, servers).catch(reportNoValidHost(execution)),
);
