/** Who meets at a server: executions of the boot workflow, the reaper, and the user who deletes it. Each is the real code, statement by statement. */
import { expect } from 'vitest';
import { NotFound } from '../../../common/errors.ts';
import { audit } from '../../../compute/audit/audit.ts';
import type { FailedBuild } from '../../../compute/boot/schedule-servers.ts';
import type { Driver } from '../../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../../compute/hosts/drivers/simulated.ts';
import { reap, type StartedBoot } from '../../../compute/reaper/reap.ts';
import { deleteServer } from '../../../compute/servers/delete-server.ts';
import { findServer } from '../../../compute/servers/find-server.ts';
import { updateServer } from '../../../compute/servers/update-server.ts';
import { handler as bootOne } from '../../../lambdas/workflows/boot/boot-one.ts';
import { handler as buildOnHost } from '../../../lambdas/workflows/boot/build-on-host.ts';
import { handler as buryInCell0 } from '../../../lambdas/workflows/boot/bury-in-cell0.ts';
import { handler as createInCell } from '../../../lambdas/workflows/boot/create-in-cell.ts';
import { handler as failInCell } from '../../../lambdas/workflows/boot/fail-in-cell.ts';
import { handler as reschedule } from '../../../lambdas/workflows/boot/reschedule.ts';
import { handler as scheduleServers } from '../../../lambdas/workflows/boot/schedule-servers.ts';
import { handler as tryAnotherCell } from '../../../lambdas/workflows/boot/try-another-cell.ts';
import type { Cloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { type Accepted, acceptServer } from '../../fixtures/stepwise-boot.ts';
import type { Meeting } from './interleave.ts';

/** Runs the steps of an execution as boot.asl.json orders them, in the caller's own context, so that its statements are the caller's. */
export async function boot({ execution, requestId: request_id, servers, failed }: StartedBoot & { failed?: FailedBuild }): Promise<void> {
  const input = { execution, request_id, servers, ...(failed && { failed }) };
  try {
    return await bootOne(input);
  } catch (error) {
    if (isNamed(error, 'NoValidHost')) return void (await buryInCell0({ ...input, failure: caught(error) }));
  }
  try {
    const placements = await scheduleServers(input);
    for (const placement of placements) await buildInCell(placement);
  } catch (error) {
    await buryInCell0({ ...input, failure: caught(error) });
  }
}

type Placement = Awaited<ReturnType<typeof scheduleServers>>[number];
type Created = Awaited<ReturnType<typeof createInCell>>;

async function buildInCell(placement: Placement): Promise<void> {
  const { execution, request_id, server } = placement;
  let created: Created;
  try {
    created = await createInCell(placement);
  } catch (error) {
    if (isNamed(error, 'OwnershipLost')) return;
    try {
      return await buildInCell(await tryAnotherCell({ placement, failure: caught(error) }));
    } catch (other) {
      if (isNamed(other, 'OwnershipLost')) return;
      return await buryInCell0({ execution, request_id, servers: [server], failure: caught(other) });
    }
  }
  await build(created);
}

async function build(created: Created): Promise<void> {
  try {
    await buildOnHost({ created });
  } catch (error) {
    if (isNamed(error, 'DatabaseUnreachable')) return;
    const failure = caught(error);
    try {
      return await build({ ...(await reschedule({ created, failure })), request_id: created.request_id });
    } catch (other) {
      if (isNamed(other, 'OwnershipLost')) return;
      await failInCell({ created, failure: caught(other) });
    }
  }
}

const isNamed = (error: unknown, name: string) => error instanceof Error && error.name === name;

function caught(error: unknown) {
  if (!(error instanceof Error)) throw error;
  return { Error: error.name, Cause: error.message };
}

const atOnce = simulatedDriver(noFailures);

/** The reaper; everything that is not finished counts as stalled. It runs what it starts itself. */
export async function reapAndBoot(cloud: Cloud, driver: Driver = atOnce): Promise<void> {
  await reap({ api: cloud.service.api, driver, startBoot: boot, silence: 0 });
}

/** Who may meet at a server. */
export interface Parts extends Accepted {
  boot(): Promise<void>;
  /** The user deletes it; who finds it gone is content. */
  remove(driver?: Driver): Promise<void>;
  /** The user renames it; who finds it gone is content. */
  rename(): Promise<void>;
}

const newName = 'renamed';

/** Accepts a server and starts nothing. `actors` says who meets at it, and may prepare the meeting. */
export async function meetAt(
  cloud: Cloud,
  actors: (parts: Parts) => Meeting['actors'] | Promise<Meeting['actors']>,
  flavorId?: string,
): Promise<Meeting> {
  const { api } = cloud.service;
  const accepted = await acceptServer(cloud, flavorId);
  const { id, execution, requestId, caller } = accepted;
  const lifetime: { deletion: 'none' | 'begun' | 'acknowledged'; renamed: boolean } = { deletion: 'none', renamed: false };
  const remove = async (driver = atOnce) => {
    lifetime.deletion = 'begun';
    await deleteServer(api, driver, caller, requestId, id).catch(notFound);
    lifetime.deletion = 'acknowledged';
  };
  const rename = async () => {
    lifetime.renamed = (await updateServer(api, caller, id, { display_name: newName }).catch(notFound)) !== undefined;
  };
  const find = () => findServer(api, caller, id).then(({ instance }) => instance, notFound);
  return {
    actors: await actors({ ...accepted, remove, rename, boot: () => boot({ execution, requestId, servers: [id] }) }),
    async afterEach() {
      const { deletion, renamed } = lifetime;
      const found = await find();
      if (renamed && found) expect(found.display_name, 'a change that was acknowledged').toBe(newName);
      if (deletion === 'none') expect(found, 'a promised server').toBeTruthy();
      if (deletion === 'acknowledged') expect(found, 'a deleted server').toBeUndefined();
    },
    async afterAll() {
      await comeToRest(cloud.service);
      const found = await find();
      if (lifetime.renamed && found) expect(found.display_name).toBe(newName);
      if (lifetime.deletion === 'none') expect(found?.vm_state).toMatch(/^(active|error)$/);
      else expect(found).toBeUndefined();
      expect((await audit(api, { settled: true })).findings).toEqual([]);
      await remove();
      await comeToRest(cloud.service);
    },
  };
}

function notFound(error: unknown): undefined {
  if (!(error instanceof NotFound)) throw error;
}
