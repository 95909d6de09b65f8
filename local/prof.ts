import { query } from '../database/data-api.ts';
import { startCloud } from '../test/cloud.ts';

const cloud = await startCloud({ hosts: 40 });
const user = await cloud.newUser();
await query(
  cloud.service.api,
  `insert into quotas (project_id, resource, hard_limit) select :p, r, -1 from unnest(array['instances','cores','ram']) r`,
  { p: user.projectId },
);
await user.boot({ min_count: 100, max_count: 100 });
await cloud.service.workflow.drain();
const what = process.argv[2];
const t = async (name: string, n: number, f: () => Promise<unknown>) => {
  for (let i = 0; i < 10; i++) await f();
  const m = cloud.service.dataApi.calls.mark();
  const s = performance.now();
  for (let i = 0; i < n; i++) await f();
  const ms = (performance.now() - s) / n;
  const calls = cloud.service.dataApi.calls.since(m);
  console.log(
    name,
    ms.toFixed(2),
    'ms',
    'calls',
    calls.length / n,
    'dataapi ms',
    (calls.reduce((a, c) => a + ((c.endedAt ?? 0) - c.startedAt), 0) / n).toFixed(2),
  );
};
const id = (await user.send('GET', '/servers?limit=1')).body.servers?.[0]?.id;
if (what === 'get' || !what) await t('get', 1500, () => user.send('GET', `/servers/${id}`));
if (what === 'detail' || !what) await t('detail', 100, () => user.send('GET', '/servers/detail?limit=100'));
if (what === 'post' || !what) {
  await t('post', 50, async () => {
    await user.boot();
  });
  await cloud.service.workflow.drain();
  await t('post+drain', 50, async () => {
    await user.boot();
    await cloud.service.workflow.drain();
  });
}
if (!what) {
  await t('bare', 300, () => query(cloud.service.api, 'select 1'));
}
await cloud.stop();
