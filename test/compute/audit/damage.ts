/** Healthy servers, ways to damage them behind the control plane's back, and the way back to health. */
import { randomUUID } from 'node:crypto';
import { flawless, simulatedDriver } from '../../../compute/drivers/simulated.ts';
import { reap } from '../../../compute/reaper/reap.ts';
import { purgeInstances } from '../../../database/cell/reaping.ts';
import { type Parameter, parseDatabaseUrl, query } from '../../../database/data-api.ts';
import { startBoot } from '../../../lambdas/boot-workflow.ts';
import type { Cloud } from '../../cloud.ts';

/** Runs a statement in the database of this name. */
export type Run = <Row = unknown>(database: string, sql: string, parameters?: Record<string, Parameter>) => Promise<Row[]>;

export function runner({ service }: Cloud): Run {
  return (database, sql, parameters = {}) => query(parseDatabaseUrl(service.databases.get(database) ?? ''), sql, parameters);
}

/** Waits until nothing is at work, and lets the reaper finish what is left. */
export async function rest({ service }: Cloud): Promise<void> {
  await service.workflow.drain();
  await reap({ api: service.api, driver: simulatedDriver(flawless), startBoot, silence: 0 });
  await service.workflow.drain();
  await reap({ api: service.api, driver: simulatedDriver(flawless), startBoot, silence: 0 });
}

/** A server of a project of its own. */
export interface Victim {
  id: string;
  project: string;
  /** Names of its cell and of another live cell. */
  cell: string;
  other: string;
  host: string;
}

/** Boots a server and waits until it has ended well, or in cell0 when it `fits` nowhere. */
export async function victim(cloud: Cloud, fits: boolean): Promise<Victim> {
  const user = await cloud.newUser();
  const flavorRef = fits ? '1' : await cloud.newFlavor({ disk: 5_000 });
  const id = await user.boot({ flavorRef });
  await user.settled(id);
  await rest(cloud);
  const [at] = await runner(cloud)<{ cell: string; host: string | null }>(
    'api',
    `select c.name as cell, (
       select p.name from allocations join resource_providers p on p.id = resource_provider_id where consumer_id = :id::uuid limit 1) as host
     from instance_mappings m join cell_mappings c on c.id = m.cell_id where instance_uuid = :id::uuid`,
    { id },
  );
  const cell = at?.cell ?? '';
  return { id, project: user.projectId, cell, other: cell === 'cell1' ? 'cell2' : 'cell1', host: at?.host ?? '' };
}

/** Removes a server without a trace and makes all sums right again. */
export async function wipe(cloud: Cloud, { id, project }: Victim): Promise<void> {
  const run = runner(cloud);
  for (const table of ['instance_mappings', 'build_requests', 'request_specs', 'pending_cleanups']) {
    await run('api', `delete from ${table} where instance_uuid = :id::uuid`, { id });
  }
  await run('api', 'delete from allocations where consumer_id = :id::uuid', { id });
  await run('api', 'delete from instance_groups where project_id = :project', { project });
  await run('api', 'delete from quota_usages where project_id = :project', { project });
  await run(
    'api',
    `update inventories i set used = (
       select coalesce(sum(used), 0) from allocations a
       where a.resource_provider_id = i.resource_provider_id and a.resource_class = i.resource_class)`,
  );
  for (const [name, url] of cloud.service.databases)
    if (name !== 'api') await purgeInstances(parseDatabaseUrl(url), [{ uuid: id, fencing_token: 1 }]);
}

const amounts = [
  ['VCPU', 1],
  ['MEMORY_MB', 512],
  ['DISK_GB', 1],
] as const;

/** Claims room on a host as a claim does, with the sums right. */
export async function claimOn(run: Run, id: string, host: string): Promise<void> {
  for (const [resource, amount] of amounts) {
    await run(
      'api',
      `with taken as (
         update inventories i set used = used + :amount::int from resource_providers p
         where p.id = i.resource_provider_id and p.name = :host and resource_class = :resource returning resource_provider_id)
       insert into allocations (consumer_id, resource_provider_id, resource_class, used)
       select :id::uuid, resource_provider_id, :resource, :amount::int from taken`,
      { id, host, resource, amount },
    );
  }
}

/** Gives the claims of a server back, with the sums right. */
export async function unclaim(run: Run, id: string): Promise<void> {
  await run(
    'api',
    `with gone as (delete from allocations where consumer_id = :id::uuid returning *)
     update inventories i set used = i.used - gone.used from gone
     where gone.resource_provider_id = i.resource_provider_id and gone.resource_class = i.resource_class`,
    { id },
  );
}

/** Puts a build request for a server into the api database. */
export async function requestBuild(run: Run, id: string, project: string): Promise<void> {
  await run(
    'api',
    `insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, instance)
     values (:id::uuid, :project, 'r-damage', 'req-damage', 'r-damage', '{"display_name": "damaged"}')`,
    { id, project },
  );
}

/** Puts a row, with all its parts, into a cell: building, so it needs no fault. */
export async function writeRow(run: Run, cell: string, { id, project }: Pick<Victim, 'id' | 'project'>, state = 'building'): Promise<void> {
  await run(
    cell,
    `with i as (
       insert into instances (uuid, user_id, project_id, vm_state, memory_mb, vcpus, root_gb, ephemeral_gb, reservation_id)
       values (:id::uuid, 'damage', :project, :state, 512, 1, 1, 0, 'r-damage') returning uuid),
     extra as (insert into instance_extra (instance_uuid, flavor) select uuid, '{}' from i),
     cache as (insert into instance_info_caches (instance_uuid) select uuid from i),
     action as (
       insert into instance_actions (instance_uuid, action, request_id, start_time) select uuid, 'create', 'req-damage', now() from i returning id)
     insert into instance_actions_events (action_id, event, start_time) select id, 'damage', now() from action`,
    { id, project, state },
  );
}

/** The id of a server that never was. */
export function nobody(): Victim {
  return { id: randomUUID(), project: randomUUID().replaceAll('-', ''), cell: 'cell1', other: 'cell2', host: '' };
}
