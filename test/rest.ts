/** Bringing a deployment to rest: everything that was begun comes to its end, as time and the reaper would have it. */
import { flawless, simulatedDriver } from '../compute/drivers/simulated.ts';
import { reap } from '../compute/reaper/reap.ts';
import { startBoot } from '../lambdas/boot-workflow.ts';
import type { Service } from '../local/service.ts';

const driver = simulatedDriver(flawless);

/** Runs the reaper once, to which everything that is not finished is abandoned. */
export function reapNow({ api }: Service) {
  return reap({ api, driver, startBoot, silence: 0 });
}

/**
 * Lifts all faults and lets everything end.
 * @throws Error when the reaper finds something to do again and again.
 */
export async function comeToRest(service: Service): Promise<void> {
  const { workflow, dataApi } = service;
  await workflow.drain();
  // A process that is killed takes its running steps with it; here they have to end before the databases are back.
  await workflow.stop();
  dataApi.faults.clear();
  for (let run = 0; run < 10; run++) {
    const { restarted, resumed, released, purged } = await reapNow(service);
    await workflow.drain();
    if (restarted + resumed + released + purged === 0) return;
  }
  throw new Error('the reaper finds no end');
}
