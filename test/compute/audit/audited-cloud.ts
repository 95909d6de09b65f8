/** A cloud that is audited, and servers in it that a test may damage: they are wiped out after it, and then the audit finds nothing. */
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { audit } from '../../../compute/audit/audit.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { nobody, type Run, runner, type Victim, victim, wipe } from '../../fixtures/damage.ts';

let cloud: Cloud;
let runIn: Run;
const victims: Victim[] = [];

/** Starts the cloud of a test file, and wipes out what its tests have damaged. */
export function auditACloud(): void {
  beforeAll(async () => {
    cloud = await startCloud();
    runIn = runner(cloud);
  });
  afterAll(() => cloud?.stop());
  afterEach(async () => {
    cloud.service.dataApi.faults.clear();
    for (const server of victims.splice(0)) await wipe(cloud, server);
    expect((await settled()).findings).toEqual([]);
  });
}

/** Returns the cloud. */
export const audited = (): Cloud => cloud;

/** Runs a statement in one of its databases. */
export const run: Run = (database, sql, parameters) => runIn(database, sql, parameters);

/** Makes a server that is wiped out after the test: in a cell, in cell0, or nobody. */
export async function someone(who: 'active' | 'buried' | 'nobody'): Promise<Victim> {
  const server = who === 'nobody' ? nobody() : await victim(cloud, who === 'active');
  return wipedAfterwards(server);
}

/** Has a server wiped out after the test. */
export function wipedAfterwards(server: Victim): Victim {
  victims.push(server);
  return server;
}

/** Audits the cloud, in which nothing is under way. */
export const settled = () => audit(cloud.service.api, { settled: true });

/** Changes the row of a server in a cell. */
export const inCell = (cell: string, set: string, { id }: Victim) =>
  run(cell, `update instances set ${set} where uuid = :id::uuid`, { id });
