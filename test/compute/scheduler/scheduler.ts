/** The scheduler of a test file, with six hosts in two cells before each test. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Placement, scheduleServers } from '../../../compute/boot/schedule-servers.ts';
import type { RequestSpec } from '../../../database/api/servers/request-spec.ts';
import { type SchedulerFixture, startSchedulerFixture, tiny } from '../../../local/bench/scheduler-fixture.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';

/** Its databases, from the first test on. */
export let fixture: SchedulerFixture;

/** Starts it for the tests of a file. */
export function useScheduler(): void {
  beforeAll(async () => {
    fixture = await startSchedulerFixture(sharedPostgres());
  });
  afterAll(() => fixture?.stop());
  beforeEach(() => fixture.addHosts({ cells: 2, hosts: 3 }));
}

/** Accepts servers and schedules them. */
export const boot = async (spec?: Partial<RequestSpec>, count = 1): Promise<Placement[]> => {
  const { execution, servers } = await fixture.accept(count, spec);
  return scheduleServers(fixture.api, execution, servers);
};

/** The names of their hosts. */
export const hosts = (placements: readonly Placement[]) => placements.map(({ host }) => host);

/** A flavor of which a host holds two. */
export const half = { ...tiny, vcpus: 8 };
