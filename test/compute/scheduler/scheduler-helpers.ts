/** What tests do to a scheduler's fixture, and what must hold in it at all times. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { GroupPolicy, GroupRules } from '../../../database/api/server-groups.ts';
import { query } from '../../../database/data-api/client.ts';
import type { FencedServer } from '../../../database/servers/ownership.ts';
import type { SchedulerFixture } from '../../../local/bench/scheduler-fixture.ts';

export const sql = <Row>({ api }: SchedulerFixture, text: string): Promise<Row[]> => query<Row>(api, text);

/** A server whose mapping names no owner yet, as a scheduler's fixture has them. */
export const unowned = (uuid = ''): FencedServer => ({ uuid, fencing_token: 0 });

/** SQL of the id of a host's resource provider. */
export const hostOf = (name: string) => `(select id from resource_providers where name = '${name}')`;

/** Counts the calls of the Data API from now on. */
export function countCalls({ dataApi }: SchedulerFixture): () => number {
  let calls = 0;
  dataApi.onCall(() => {
    calls += 1;
  });
  return () => calls;
}

/** Makes an availability zone of hosts. */
export async function addZone({ api }: SchedulerFixture, zone: string, hosts: readonly string[]): Promise<void> {
  await query(
    api,
    `with made as (insert into aggregates (name) values (:zone) returning id),
     named as (insert into aggregate_metadata (aggregate_id, key, value) select id, 'availability_zone', :zone from made)
     insert into aggregate_hosts (aggregate_id, host) select id, jsonb_array_elements_text(:hosts::jsonb) from made`,
    { zone, hosts },
  );
}

/** Makes a server group and returns its uuid. */
export async function newGroup({ api }: SchedulerFixture, policy: GroupPolicy, rules: GroupRules = {}): Promise<string> {
  const uuid = randomUUID();
  await query(
    api,
    `with made as (insert into instance_groups (uuid, user_id, project_id, name) values (:uuid::uuid, 'user', 'project', 'web') returning id)
     insert into instance_group_policy (group_id, policy, rules) select id, :policy, :rules::jsonb from made`,
    { uuid, policy, rules },
  );
  return uuid;
}

/**
 * Capacity is real: what is used is what is claimed, never more than there is, and what the scheduler sees of hosts is what follows from the other tables.
 * @param besides what a test took of processors without a claim.
 */
export async function checkCapacity(fixture: SchedulerFixture, besides = 0): Promise<void> {
  expect(await sql(fixture, 'select * from inventories where free < 0')).toEqual([]);
  expect(
    await sql(
      fixture,
      `select (select sum(used) from inventories)::int - (select coalesce(sum(used), 0) from allocations)::int as unclaimed`,
    ),
  ).toEqual([{ unclaimed: besides }]);
  const seen =
    'select resource_provider_id, host, cell_id, cell_disabled, service_disabled, zone, kind, vcpu, memory_mb, disk_gb from host_states order by 1';
  const before = await sql(fixture, seen);
  await query(fixture.api, 'select refresh_host_states(array(select id from resource_providers)) is null as done');
  expect(before).toEqual(await sql(fixture, seen));
}
