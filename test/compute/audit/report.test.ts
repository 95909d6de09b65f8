/** What an audit reports beside damage: what is pending, what it could not read, what has healed by its second look; of however many servers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { audit, isClean } from '../../../compute/audit/audit.ts';
import { explain } from '../../../compute/servers/explain.ts';
import { claimOn, locate, nobody, rest, unclaim, writeRow } from '../../fixtures/damage.ts';
import { auditACloud, audited, inCell, run, settled, someone, wipedAfterwards } from './audited-cloud.ts';

auditACloud();

test('what is noted to be finished is pending, not broken', async () => {
  const [half, orphan] = [await someone('active'), await someone('active')];
  const note = (id: string, cell: string) =>
    run('api', `insert into pending_cleanups (instance_uuid, cell_id) select :id::uuid, id from cell_mappings where name = :cell`, {
      id,
      cell,
    });
  await inCell(half.cell, `deleted = id, vm_state = 'deleted'`, half);
  await note(half.id, half.cell);
  await writeRow(run, orphan.other, orphan);
  await note(orphan.id, orphan.other);
  const { findings, pending } = await settled();
  expect(findings).toEqual([]);
  expect(pending.reduce((sum, { servers }) => sum + servers, 0)).toBe(2);
  await rest(audited());
  expect(await settled()).toMatchObject({ findings: [], pending: [] });
});

test('a server that has just become ACTIVE is neither broken nor pending, whatever is noted of it', async () => {
  const noted = () => run('api', 'select instance_uuid from pending_cleanups');
  const user = await audited().newUser();
  const id = await user.boot();
  expect((await user.settled(id)).status).toBe('ACTIVE');
  await audited().service.workflow.drain();
  expect(await noted()).toEqual([{ instance_uuid: id }]);
  expect(await settled()).toMatchObject({ servers: 1, findings: [], pending: [] });
  expect(await explain(audited().service.api, id)).toMatchObject({ entry: { pendingCleanups: [] } });
  const server = wipedAfterwards(await locate(audited(), id, user.projectId));
  await inCell(server.cell, `vm_state = 'building'`, server);
  const pending = async () => (await settled()).pending;
  expect(await pending(), 'not due yet').toEqual([{ cell: server.cell, servers: 1, overdue: 0 }]);
  await run('api', `update pending_cleanups set due_at = now() - interval '90 minutes' where instance_uuid = '${id}'`);
  const [overdue] = await pending();
  expect(overdue?.overdue).toBeGreaterThanOrEqual(5_400);
  expect(await explain(audited().service.api, id)).toMatchObject({ entry: { pendingCleanups: [server.cell] } });
});

test('a server that an admin has set to ERROR needs no fault; one that is in ERROR by itself lacks it', async () => {
  const [reset, failed] = [await someone('active'), await someone('active')];
  const admin = await audited().newUser('admin');
  const { status } = await admin.send('POST', `/servers/${reset.id}/action`, { body: { 'os-resetState': { state: 'error' } } });
  await inCell(failed.cell, `vm_state = 'error'`, failed);
  const { findings } = await settled();
  expect([status, findings.map(({ kind, ids }) => [kind, ids.server])]).toEqual([202, [['incomplete-server', failed.id]]]);
});

test('a server that never ran and that an admin has set to ACTIVE is no fault, wherever it is', async () => {
  const [buried, failed] = [await someone('buried'), await someone('active')];
  await unclaim(run, failed.id);
  await inCell(failed.cell, `vm_state = 'error', host = null, launched_at = null`, failed);
  const admin = await audited().newUser('admin');
  for (const { id } of [buried, failed]) {
    expect((await admin.send('POST', `/servers/${id}/action`, { body: { 'os-resetState': { state: 'active' } } })).status).toBe(202);
  }
  expect((await settled()).findings).toEqual([]);
  await inCell('cell0', `vm_state = 'stopped'`, buried);
  expect((await settled()).findings.map(({ kind }) => kind)).toEqual(['cell0-not-in-error']);
});

test('a busy cloud with damage shows the damage alone, after a second look; a young boot is not stuck', async () => {
  const [server, building] = [await someone('active'), await someone('active')];
  await unclaim(run, server.id);
  await inCell(building.cell, `vm_state = 'building'`, building);
  expect((await audit(audited().service.api)).findings.map(({ kind, ids }) => [kind, ids.server])).toEqual([
    ['host-without-allocation', server.id],
  ]);
});

test('what heals by itself before the second look is no finding', async () => {
  const server = await someone('active');
  await unclaim(run, server.id);
  const auditing = audit(audited().service.api);
  await sleep(1_000);
  await claimOn(run, server.id, server.host);
  expect((await auditing).findings).toEqual([]);
});

test('a cell that is down is reported, and hides nothing but its own', async () => {
  const [server, broken] = [await someone('active'), await someone('buried')];
  await run('cell0', 'delete from instance_faults where instance_uuid = :id::uuid', { id: broken.id });
  audited().service.dataApi.faults.add({ cluster: server.cell, kind: 'down' });
  const report = await settled();
  expect(report.unreadable).toMatchObject([{ cell: server.cell }]);
  expect(report.findings).toMatchObject([{ kind: 'cell0-without-fault', ids: { server: broken.id } }]);
  expect(isClean({ ...report, findings: [] })).toBe(false);
});

test('thousands of servers are read in pages, and the one broken among them is found', async () => {
  const project = nobody().project;
  const count = 3_500;
  await run('api', `insert into quota_usages (project_id, instances, cores, ram) values (:project, :count, 0, 0)`, { project, count });
  await run(
    'api',
    `with new as (
       insert into instance_mappings (instance_uuid, cell_id, project_id, user_id)
       select md5('audit ' || n)::uuid, c.id, :project, 'many' from generate_series(1, :count) n, cell_mappings c where c.name = 'cell0'
       returning instance_uuid)
     insert into request_specs (instance_uuid, spec) select instance_uuid, '{"flavor": {"vcpus": 0, "memory_mb": 0}}' from new`,
    { project, count },
  );
  await run(
    'cell0',
    `with i as (
       insert into instances (uuid, user_id, project_id, vm_state, memory_mb, vcpus, root_gb, ephemeral_gb, reservation_id)
       select md5('audit ' || n)::uuid, 'many', :project, 'error', 0, 0, 0, 0, 'r-many' from generate_series(1, :count) n returning uuid),
     extra as (insert into instance_extra (instance_uuid, flavor) select uuid, '{}' from i),
     cache as (insert into instance_info_caches (instance_uuid) select uuid from i),
     faults as (insert into instance_faults (instance_uuid, code) select uuid, 500 from i),
     action as (
       insert into instance_actions (instance_uuid, action, request_id, start_time) select uuid, 'create', 'req-x', now() from i returning id)
     insert into instance_actions_events (action_id, event, start_time) select id, 'burial', now() from action`,
    { project, count },
  );
  expect(await settled()).toMatchObject({ servers: count, findings: [] });
  await run('cell0', `update instances set host = 'h' where uuid = md5('audit 1234')::uuid`);
  expect((await settled()).findings).toMatchObject([{ kind: 'cell0-with-host' }]);
  await run('cell0', `update instances set host = null where uuid = md5('audit 1234')::uuid`);
});
