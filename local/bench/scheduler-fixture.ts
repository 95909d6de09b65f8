/** An api database alone, with as many hosts as wanted and no cells behind them: what the scheduler's bench and its tests stand on. */
import { randomUUID } from 'node:crypto';
import { simulatedCapabilities } from '../../database/api/hosts/hosts.ts';
import { apiMigrations } from '../../database/api/migrations/index.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import { type Database, query } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { migrate } from '../../database/migrator/migrate.ts';
import { masterUrl } from '../aws/arns.ts';
import { localClusters } from '../aws/data-api/clusters.ts';
import { createDataApi, type DataApi } from '../aws/data-api/data-api.ts';
import { startAws } from '../aws/server.ts';
import type { Postgres } from '../postgres/postgres.ts';

/** Cells of hosts that are all alike. */
export interface Fleet {
  cells: number;
  hosts: number;
  /** Of each host; by default 16 processors, 64 GiB and 500 GiB. */
  vcpus?: number;
  memory_mb?: number;
  disk_gb?: number;
}

/** An api database to schedule in. Hosts are named cell1-host1, …; what is there is changed by SQL. */
export interface SchedulerFixture {
  api: Database;
  dataApi: DataApi;
  /** Removes all hosts and servers, and registers these. */
  addHosts(fleet: Fleet): Promise<void>;
  /** Accepts servers of one request under an execution of their own, as acceptance would leave them. */
  accept(count: number, spec?: Partial<RequestSpec>): Promise<{ execution: string; servers: string[] }>;
  stop(): Promise<void>;
}

/** One processor, 512 MiB and 1 GiB. */
export const tiny: RequestSpec['flavor'] = {
  ...{ flavorid: '1', name: 'm1.tiny', memory_mb: 512, vcpus: 1, root_gb: 1, ephemeral_gb: 0, swap: 0, extra_specs: {} },
};

/** Makes it on a PostgreSQL, which stops with it, and leads the SDK of this process to it. */
export async function startSchedulerFixture(postgres: Postgres): Promise<SchedulerFixture> {
  const database = await postgres.createDatabase('cellzero_api');
  const dataApi = createDataApi({ postgres, clusters: localClusters(new Map([['api', database]])) });
  const aws = await startAws({ services: [dataApi.service] });
  Object.assign(process.env, aws.environment);
  const api = parseDatabaseUrl(masterUrl('api'));
  await migrate(api, apiMigrations);
  return {
    api,
    dataApi,
    addHosts: (fleet) => addHosts(api, fleet),
    accept: (count, spec) => accept(api, count, spec),
    async stop() {
      await aws.close();
      await dataApi.close();
      await postgres.stop();
    },
  };
}

async function addHosts(api: Database, { cells, hosts, vcpus = 16, memory_mb = 65_536, disk_gb = 500 }: Fleet): Promise<void> {
  await query(
    api,
    `truncate cell_mappings, host_mappings, resource_providers, inventories, allocations, host_states, build_failures, instance_mappings,
       build_requests, request_specs, pending_cleanups, aggregates, aggregate_hosts, aggregate_metadata, instance_groups, instance_group_policy,
       instance_group_member cascade`,
  );
  await query(
    api,
    `with cells as (
       insert into cell_mappings (uuid, name, database_connection)
       select gen_random_uuid(), 'cell' || n, 'rds-data://none/cell' || n || '?secret=none' from generate_series(1, :cells::int) n returning id, name),
     hosts as (select id as cell_id, name || '-host' || n as host from cells cross join generate_series(1, :hosts::int) n),
     mapped as (insert into host_mappings (cell_id, host) select cell_id, host from hosts),
     providers as (
       insert into resource_providers (uuid, name, capabilities) select gen_random_uuid(), host, :capabilities::jsonb from hosts returning id)
     insert into inventories (resource_provider_id, resource_class, total)
     select id, resource_class, total from providers cross join (
       values ('VCPU', :vcpus::int), ('MEMORY_MB', :memory_mb::int), ('DISK_GB', :disk_gb::int)) each (resource_class, total)`,
    { cells, hosts, vcpus, memory_mb, disk_gb, capabilities: simulatedCapabilities },
  );
  await query(api, 'analyze');
}

async function accept(api: Database, count: number, spec: Partial<RequestSpec> = {}): Promise<{ execution: string; servers: string[] }> {
  const servers = Array.from({ length: count }, () => randomUUID());
  const execution = `r-${randomUUID().slice(0, 8)}`;
  await query(
    api,
    `with asked as (select jsonb_array_elements_text(:servers::jsonb)::uuid as uuid),
     mapped as (insert into instance_mappings (instance_uuid, project_id, user_id) select uuid, 'project', 'user' from asked),
     specs as (insert into request_specs (instance_uuid, spec) select uuid, :spec::jsonb from asked),
     joined as (
       insert into instance_group_member (group_id, instance_uuid)
       select g.id, asked.uuid from asked join instance_groups g on g.uuid = (:spec::jsonb->>'group')::uuid)
     insert into build_requests (instance_uuid, project_id, reservation_id, request_id, execution, instance)
     select uuid, 'project', :execution, 'req', :execution, '{}' from asked`,
    { servers, execution, spec: { flavor: tiny, image: null, availability_zone: null, scheduler_hints: {}, ...spec } },
  );
  return { execution, servers };
}
