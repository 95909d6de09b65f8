/**
 * How long scheduling takes as a cloud grows: the read and the claim of one server, and the read that finds no host and says why, with 10, 1,000 and
 * 10,000 hosts. What must stay flat is the time to schedule a server however many hosts are full, disabled or elsewhere; the reasons are read from every host
 * once.
 */
import { scheduleServers } from '../../compute/boot/schedule-servers.ts';
import { NoValidHost } from '../../compute/scheduler/no-valid-host.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import { query } from '../../database/data-api/client.ts';
import { startPostgres } from '../postgres/postgres.ts';
import { type SchedulerFixture, startSchedulerFixture, tiny } from './scheduler-fixture.ts';

/** A cloud and a request for it. */
interface Scene {
  name: string;
  /** SQL that changes a cloud of empty hosts. */
  set?: string;
  spec?: Partial<RequestSpec>;
}

/** SQL that takes all of a resource on all hosts but ten that stay as they are. */
const exhaust = (resources: string) => `
  update inventories set used = total - case resource_class when 'MEMORY_MB' then 256 else 0 end
  where resource_class in (${resources}) and resource_provider_id not in (select id from resource_providers order by id limit 10)`;
/** Ten hosts are left out of what the others share. */
const others = 'id not in (select id from resource_providers order by id limit 10)';

const scenes: readonly Scene[] = [
  { name: 'all hosts are empty' },
  { name: 'all but 10 are disabled', set: `update resource_providers set traits = '{COMPUTE_STATUS_DISABLED}' where ${others}` },
  { name: 'all but 10 have no memory', set: exhaust(`'MEMORY_MB'`) },
  { name: 'all but 10 have no processor, but memory', set: exhaust(`'VCPU'`) },
  {
    name: 'all but 10 are in another zone',
    set: `with a as (insert into aggregates (name) values ('far') returning id),
      m as (insert into aggregate_metadata (aggregate_id, key, value) select id, 'availability_zone', 'far' from a)
      insert into aggregate_hosts (aggregate_id, host) select a.id, name from a cross join resource_providers p where p.${others}`,
    spec: { availability_zone: 'nova' },
  },
  { name: 'no host has the memory', spec: { flavor: { ...tiny, memory_mb: 100_000 } } },
  { name: 'memory everywhere, a processor nowhere', set: `update inventories set used = total where resource_class = 'VCPU'` },
];

const sizes = [
  { cells: 2, hosts: 5 },
  { cells: 20, hosts: 50 },
  { cells: 20, hosts: 500 },
];
const runs = 60;
const warmUps = 15;

const fixture = await startSchedulerFixture(await startPostgres({ dataDir: undefined }));
try {
  console.log(`Milliseconds (median of ${runs}) to schedule one server: read and claim, or read and explain.\n`);
  console.log(
    `${'hosts'.padEnd(44)}${sizes.map(({ cells, hosts }) => (cells * hosts).toLocaleString('en').padStart(10)).join('')}     ratio`,
  );
  for (const scene of scenes) {
    const times: number[] = [];
    for (const size of sizes) {
      await fixture.addHosts(size);
      if (scene.set) await query(fixture.api, scene.set);
      await query(fixture.api, 'analyze host_states');
      times.push(await median(fixture, scene));
    }
    const ratio = (times.at(-1) ?? 0) / (times[0] ?? 1);
    console.log(`${scene.name.padEnd(44)}${times.map((time) => time.toFixed(2).padStart(10)).join('')}${ratio.toFixed(1).padStart(10)}`);
  }
} finally {
  await fixture.stop();
}

async function median({ api, accept }: SchedulerFixture, { spec }: Scene): Promise<number> {
  const times: number[] = [];
  for (let run = -warmUps; run < runs; run++) {
    const { execution, servers } = await accept(1, spec);
    const began = performance.now();
    await scheduleServers(api, execution, servers).catch((error: unknown) => {
      if (!(error instanceof NoValidHost)) throw error;
    });
    if (run >= 0) times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}
