import { afterAll, beforeAll, expect, test } from 'vitest';
import { findInstances } from '../../../database/cell/instances/find.ts';
import { query } from '../../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../../database/data-api/url.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { bootAndDelete, carried, type ProbedServer, probeDuring, widenWindows } from '../../fixtures/traffic.ts';

interface Mapping {
  uuid: string;
  cell: string | null;
  connection: string | null;
  request: boolean;
  gone: boolean;
}

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

function mappings(projects: string[]): Promise<Mapping[]> {
  return query<Mapping>(
    cloud.service.api,
    `select m.instance_uuid as uuid, c.name as cell, c.database_connection as connection, b.id is not null as request,
       m.queued_for_delete as gone
     from instance_mappings m left join cell_mappings c on c.id = m.cell_id left join build_requests b using (instance_uuid)
     where m.project_id = any (array(select jsonb_array_elements_text(:projects::jsonb)))`,
    { projects },
  );
}

test('one home: a mapping goes from none to one cell, once; where it points, the server is complete', async () => {
  const tooLarge = await cloud.newFlavor({ disk: 10_000 });
  const users = await Promise.all(Array.from({ length: 3 }, () => cloud.newUser()));
  widenWindows(cloud);
  const homes = new Map<string, string>();
  const probe = async () => {
    const wrong: string[] = [];
    const known = new Map(homes);
    for (const { uuid, cell, connection, request, gone } of await mappings(users.map(({ projectId }) => projectId))) {
      const home = known.get(uuid);
      if (home !== undefined && cell !== home) wrong.push(`${uuid} moved from ${home} to ${cell}`);
      if (cell !== null && request) wrong.push(`${uuid} is in ${cell} and still a build request`);
      if (cell === null && !request && !gone) wrong.push(`${uuid} is nowhere`);
      if (cell === null || connection === null || home !== undefined) continue;
      homes.set(uuid, cell);
      const instance = (await findInstances(parseDatabaseUrl(connection), [uuid], 'all')).get(uuid);
      if (!instance) wrong.push(`${uuid} is not in ${cell}`);
      else if (instance.deleted === 0 && instance.block_device_mappings.length !== 2) wrong.push(`${uuid} has lost disks`);
      else if (instance.deleted === 0 && `${instance.tags}` !== `${carried.tags}`) wrong.push(`${uuid} has lost tags`);
      else if (instance.deleted === 0 && (instance.fault === null) !== (cell !== 'cell0'))
        wrong.push(`${uuid} in ${cell} has fault ${instance.fault}`);
    }
    return wrong;
  };
  const traffic = users.map((user) => bootAndDelete(cloud, user, tooLarge, new Map<string, ProbedServer>(), 12));
  expect(await probeDuring(Promise.all(traffic), [probe, probe])).toEqual([]);
  expect(await probe()).toEqual([]);
  expect(new Set(homes.values()).size).toBe(3);

  // A server that was deleted on its way into a cell leaves a row that nobody sees, until the reaper comes.
  await comeToRest(cloud.service);
  const rows = new Map<string, string[]>();
  for (const name of ['cell0', 'cell1', 'cell2']) {
    for (const { uuid } of await query<{ uuid: string }>(cloud.database(name), 'select uuid from instances where deleted = 0')) {
      rows.set(uuid, [...(rows.get(uuid) ?? []), name]);
    }
  }
  for (const [uuid, cells] of rows) expect(cells, uuid).toEqual([homes.get(uuid)]);
});
