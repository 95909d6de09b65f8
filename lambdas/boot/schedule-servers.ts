import * as z from 'zod';
import { scheduleServers } from '../../compute/boot/schedule-servers.ts';
import { apiDatabase } from '../api-database.ts';
import { step } from './step.ts';

/** Step ScheduleServers of boot.asl.json: gives the placements of all servers, or throws NoValidHost. */
export const handler = step(z.object({ servers: z.array(z.uuid()) }), ({ servers }) => scheduleServers(apiDatabase(), servers));
