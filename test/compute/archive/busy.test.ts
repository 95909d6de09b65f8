/** Archiving a cloud at work: boots, burials and deletes go on, and nothing that lives is ever missing. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveDeletedRows } from '../../../compute/archive/archive.ts';
import { purge } from '../../../compute/archive/purge.ts';
import { audit } from '../../../compute/audit/audit.ts';
import { query } from '../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud } from '../../fixtures/cloud.ts';
import { unfindable } from '../../fixtures/deleted-servers.ts';
import { comeToRest } from '../../fixtures/rest.ts';
import { bootAndDelete, missing, type ProbedServer, probeDuring, widenWindows } from '../../fixtures/traffic.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

const boots = 60;

test('archive and purge beside boots and deletes lose nothing', { timeout: 180_000 }, async () => {
  const { api } = cloud.service;
  const tooLarge = await cloud.newFlavor({ disk: 5_000 });
  const users = await Promise.all([cloud.newUser(), cloud.newUser()]);
  await query(
    api,
    `insert into quotas (project_id, resource, hard_limit) select project, resource, -1
     from jsonb_array_elements_text(:projects::jsonb) project, unnest(array['instances', 'cores', 'ram']) resource`,
    { projects: users.map(({ projectId }) => projectId) },
  );
  const servers = users.map(() => new Map<string, ProbedServer>());
  widenWindows(cloud);
  const traffic = Promise.all(users.map((user, index) => bootAndDelete(cloud, user, tooLarge, servers[index] ?? new Map(), boots)));
  let archived = 0;
  const archiving = async () => {
    const options = { maxRows: 50, before: null, untilComplete: true, sleep: 0, progress: () => {} };
    const { tables, failures } = await archiveDeletedRows(api, options);
    archived += tables['API_DB.instance_mappings'] ?? 0;
    return failures.map(({ cell, reason }) => `${cell}: ${reason}`);
  };
  const purging = async () => (await purge(api, null, () => {})).failures.map(({ cell, reason }) => `${cell}: ${reason}`);
  const looking = users.map((user, index) => async () => {
    const wrong: string[] = [];
    for (const { id, deleting } of [...(servers[index]?.values() ?? [])].filter((server) => !server.deleting)) {
      const { status, body } = await user.send<{ server: ServerBody }>('GET', `/servers/${id}`);
      if (servers[index]?.get(id)?.deleting || deleting) continue;
      if (status !== 200) wrong.push(`${id} answers ${status}`);
      else wrong.push(...missing(body.server).map((part) => `${id}: ${part}`));
    }
    return wrong;
  });
  expect(await probeDuring(traffic, [archiving, purging, ...looking])).toEqual([]);
  await comeToRest(cloud.service);
  // It met the traffic.
  expect(archived).toBeGreaterThan(5);

  const living = servers.flatMap((ofUser) => [...ofUser.values()]).filter(({ deleting }) => !deleting);
  await archiving();
  const [index] = await query<{ mapped: number; specs: number }>(
    api,
    'select (select count(*)::int from instance_mappings) as mapped, (select count(*)::int from request_specs) as specs',
  );
  expect(index).toEqual({ mapped: living.length, specs: living.length });
  expect(await unfindable(cloud)).toEqual([]);
  expect((await audit(api, { settled: true })).findings).toEqual([]);
});
