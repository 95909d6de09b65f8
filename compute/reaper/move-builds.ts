/**
 * Builds that a host has begun which is down: a new owner takes each of them over and goes on as if the host had failed it. What the host reports for the owner
 * before changes nothing from then on, and what it may run of the server is ended when it is back.
 */
import { takeOverBuilds } from '../../database/api/reaper/stalled-boots.ts';
import type { FencedServer } from '../../database/servers/ownership.ts';
import type { Task } from '../../database/servers/task.ts';
import type { Reaper } from './reap.ts';

/** A build on a host that is down. */
export interface BegunBuild extends FencedServer {
  host: string;
  task: Task;
  /** Of its pending cleanup, as it was listed. */
  generation?: number;
}

/**
 * Moves builds of a cell, by uuid, away from their hosts.
 * @returns how many; another owner has the others.
 * @throws what `startBoot` throws: the build is still its host's then, and is moved again.
 */
export async function moveBuilds({ api, startBoot }: Reaper, cell: string, builds: readonly BegunBuild[]): Promise<number> {
  if (builds.length === 0) return 0;
  const execution = `move-${Date.now()}`;
  const taken = new Set(await takeOverBuilds(api, execution, cell, builds));
  const started = builds.filter(({ uuid }) => taken.has(uuid));
  await Promise.all(
    started.map(({ uuid, host, task: { request_id: requestId, attempt, alternates = [] } }) => {
      const failure = { Error: 'BuildFailure', Cause: `The host ${host} is down.` };
      const failed = { host, alternates, attempt, failure };
      return startBoot({ name: `${execution}-${uuid}`, execution, requestId, servers: [uuid], failed });
    }),
  );
  return started.length;
}
