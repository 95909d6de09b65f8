/**
 * Step ScheduleServers of boot.asl.json. The servers of a request are placed together, all or none, but not built by one execution: Step Functions keeps
 * 25,000 events of one, and 256 KiB of state. So each builds some, and starts another one, under the same owner, for every further part.
 */
import { scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import type { StartedBoot } from '../../../compute/reaper/reap.ts';
import { apiDatabase } from '../../shared/database.ts';
import { log } from '../../shared/observation/invocation.ts';
import { startPart } from './start.ts';
import { servers, step } from './step.ts';

/** With every retry that its steps have, one server takes some 300 events, and its names some 4 KiB. */
export const serversOfExecution = 50;

/** Returns the placements of the servers of this execution, or throws NoValidHost when not all of the request find a host. */
export const handler = step(
  'ScheduleServers',
  servers,
  (input) => input,
  async ({ execution, request_id, servers, failed }) => {
    const placements = await scheduleServers(apiDatabase(), execution, servers);
    const own = new Set(servers.slice(0, serversOfExecution));
    await startParts({ execution, requestId: request_id }, servers);
    return placements.filter(({ server }) => own.has(server)).map((placement) => ({ ...placement, request_id, ...(failed && { failed }) }));
  },
);

/**
 * Parts keep their names, so when this step runs again, none is started twice. Servers of one that is not started keep their allocations, and the reaper goes
 * on with them.
 */
async function startParts(boot: Omit<StartedBoot, 'servers'>, servers: readonly string[]): Promise<void> {
  const starts: Promise<void>[] = [];
  for (let first = serversOfExecution; first < servers.length; first += serversOfExecution) {
    starts.push(startPart({ ...boot, servers: servers.slice(first, first + serversOfExecution) }, first));
  }
  for (const start of await Promise.allSettled(starts)) {
    if (start.status === 'rejected') log().warn('a part of the boot is not started', { error: start.reason });
  }
}
