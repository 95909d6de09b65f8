/** Deleted servers of every kind, and what is left of servers anywhere. */
import { randomUUID } from 'node:crypto';
import { relations } from '../../../database/cell/reaping.ts';
import { query } from '../../../database/data-api.ts';
import type { Cloud, User } from '../../cloud.ts';
import { comeToRest } from '../../rest.ts';

/** Tables of a cell with rows of servers, and the condition of a row `t` to be of those asked for. */
const tables = [
  ['instances', 't.uuid in (select uuid from asked)'],
  ...[...relations, 'instance_actions'].map((table) => [table, 't.instance_uuid in (select uuid from asked)']),
] as const;

/** The names of a cloud's cells. */
export const cellsOf = ({ service }: Cloud) => [...service.databases.keys()].filter((name) => name !== 'api');

/** Deletes a server that ran, one that was buried, and one that never had a cell; gives their ids. */
export async function buryThree(cloud: Cloud, user: User, giant: string): Promise<string[]> {
  const ids = await Promise.all([user.boot({ metadata: { one: '1' }, tags: ['blue'] }), user.boot({ flavorRef: giant })]);
  await Promise.all(ids.map((id) => user.settled(id)));
  await Promise.all(ids.map((id) => user.send('DELETE', `/servers/${id}`)));
  await comeToRest(cloud.service);
  const homeless = randomUUID();
  await query(
    cloud.service.api,
    `with mapped as (
       insert into instance_mappings (instance_uuid, project_id, user_id, queued_for_delete, updated_at) values (:id::uuid, 'p', 'u', true, now()))
     insert into request_specs (instance_uuid, spec) values (:id::uuid, '{}')`,
    { id: homeless },
  );
  return [...ids, homeless];
}

/** Gives all rows of servers in a cell, in its tables or in their shadows, by table; tables without any are left out. */
export async function rowsIn(cloud: Cloud, cell: string, ids: readonly string[], shadow: '' | 'shadow_'): Promise<unknown> {
  const rows = (table: string, condition: string) =>
    `'${table}', (select jsonb_agg(to_jsonb(t) order by t.id) from ${shadow}${table} t where ${condition})`;
  const ofActions = `t.action_id in (select id from ${shadow}instance_actions where instance_uuid in (select uuid from asked))`;
  const all = [...tables.map(([table = '', condition = '']) => rows(table, condition)), rows('instance_actions_events', ofActions)];
  const [row] = await query<{ rows: unknown }>(
    cloud.database(cell),
    `with asked as (select jsonb_array_elements_text(:ids::jsonb)::uuid as uuid)
     select jsonb_strip_nulls(jsonb_build_object(${all.join(', ')})) as rows`,
    { ids },
  );
  return row?.rows;
}

/** Gives what the api database has of servers, in rows. */
export async function indexed(cloud: Cloud, ids: readonly string[]): Promise<number> {
  const [row] = await query<{ count: number }>(
    cloud.service.api,
    `with asked as (select jsonb_array_elements_text(:ids::jsonb)::uuid as uuid)
     select ((select count(*) from instance_mappings where instance_uuid in (select uuid from asked))
       + (select count(*) from request_specs where instance_uuid in (select uuid from asked))
       + (select count(*) from instance_group_member where instance_uuid in (select uuid from asked)))::int as count`,
    { ids },
  );
  return row?.count ?? 0;
}

/** Gives servers that nobody finds any more: a cell has a row of them, but the index has not. */
export async function unfindable(cloud: Cloud): Promise<string[]> {
  const index = await query<{ uuid: string }>(cloud.service.api, 'select instance_uuid as uuid from instance_mappings');
  const known = new Set(index.map(({ uuid }) => uuid));
  const rows = await Promise.all(cellsOf(cloud).map((cell) => query<{ uuid: string }>(cloud.database(cell), 'select uuid from instances')));
  return rows
    .flat()
    .map(({ uuid }) => uuid)
    .filter((uuid) => !known.has(uuid));
}
