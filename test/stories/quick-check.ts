import { parseDatabaseUrl, query } from '../../database/data-api.ts';
import type { Service } from '../../local/service.ts';

export async function quickCheck(service: Service): Promise<string[]> {
  const found: string[] = [];
  const api = service.api;
  const add = async (name: string, sql: string) => {
    const rows = await query(api, sql);
    if (rows.length) found.push(`${name}: ${JSON.stringify(rows).slice(0, 400)}`);
  };
  await add('build requests', 'select instance_uuid, execution from build_requests');
  await add('unmapped', 'select instance_uuid from instance_mappings where cell_id is null and not queued_for_delete');
  await add(
    'drift',
    `select i.id, i.used, coalesce(sum(a.used),0) as s from inventories i left join allocations a using (resource_provider_id, resource_class) group by i.id having i.used <> coalesce(sum(a.used),0)`,
  );
  await add(
    'quota',
    `select q.project_id, q.instances, count(m.id) from quota_usages q left join instance_mappings m on m.project_id = q.project_id and not m.queued_for_delete group by q.project_id having q.instances <> count(m.id)`,
  );
  await add('work', 'select * from cell_work');
  const mapped = await query<{ uuid: string; name: string; queued: boolean }>(
    api,
    `select instance_uuid as uuid, c.name, queued_for_delete as queued from instance_mappings m join cell_mappings c on c.id = m.cell_id`,
  );
  const claims = new Map(
    (
      await query<{ uuid: string; host: string }>(
        api,
        `select distinct consumer_id as uuid, p.name as host from allocations join resource_providers p on p.id = resource_provider_id`,
      )
    ).map((r) => [r.uuid, r.host]),
  );
  for (const [name, url] of service.databases) {
    if (name === 'api') continue;
    const rows = await query<{ uuid: string; deleted: boolean; host: string | null; vm_state: string; faults: number; extra: number }>(
      parseDatabaseUrl(url),
      `select uuid, deleted <> 0 as deleted, host, vm_state, (select count(*) from instance_faults f where f.instance_uuid = uuid and f.deleted = 0) as faults, (select count(*) from instance_extra f where f.instance_uuid = uuid) as extra from instances`,
    );
    const here = new Map(mapped.filter((m) => m.name === name).map((m) => [m.uuid, m]));
    for (const row of rows) {
      const m = here.get(row.uuid);
      here.delete(row.uuid);
      if (!m) found.push(`stray row ${JSON.stringify(row)} in ${name}`);
      else if (m.queued !== row.deleted) found.push(`deleted mismatch ${JSON.stringify(row)} ${JSON.stringify(m)}`);
      if (row.deleted) {
        if (claims.has(row.uuid)) found.push(`claim of deleted ${row.uuid}`);
        continue;
      }
      if ((claims.get(row.uuid) ?? null) !== row.host) found.push(`claim ${claims.get(row.uuid)} but host ${row.host} of ${row.uuid}`);
      if (row.vm_state === 'error' && row.faults !== 1) found.push(`faults ${row.faults} of ${row.uuid}`);
      if (row.vm_state !== 'error' && row.vm_state !== 'active') found.push(`state ${row.vm_state}`);
      if (row.extra !== 1) found.push('extra');
    }
    for (const m of here.values()) found.push(`mapping without row ${JSON.stringify(m)}`);
  }
  return found;
}
