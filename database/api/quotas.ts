/** Quota use is a row of the project, moved in the same statement as the fact it counts; here is what is read of it. */
import { type Database, query } from '../data-api.ts';

/** What acceptance counts; ram in MiB. */
export type QuotaResource = 'instances' | 'cores' | 'ram';

/** Limits and use of a project. A limit of -1 is none. */
export interface QuotaUse {
  limits: Record<QuotaResource, number>;
  used: Record<QuotaResource, number>;
}

/** Gives the limits of the project (the defaults where it has none of its own) and what it uses of them. */
export async function findQuotaUse(api: Database, projectId: string, defaults: Readonly<Record<QuotaResource, number>>): Promise<QuotaUse> {
  const [row] = await query<QuotaUse>(
    api,
    `select
       :defaults::jsonb || coalesce((select jsonb_object_agg(resource, hard_limit) from quotas where project_id = :project_id), '{}') as limits,
       coalesce(
         (select jsonb_build_object('instances', instances, 'cores', cores, 'ram', ram) from quota_usages where project_id = :project_id),
         '{"instances": 0, "cores": 0, "ram": 0}') as used`,
    { project_id: projectId, defaults },
  );
  if (!row) throw new Error('a select without from gives one row');
  return row;
}
