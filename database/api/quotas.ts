/**
 * Quotas of projects: limits where a project has its own, and what it uses. Use of instances, cores and ram is a row of the project, moved in the same
 * statement as the servers it counts; of other things it is what is there.
 */
import { type Database, query } from '../data-api/client.ts';

/** What acceptance counts; ram in MiB. */
export type QuotaResource = 'instances' | 'cores' | 'ram';

/** What is counted by project. */
export type CountedResource = QuotaResource | 'server_groups';

/** Limits and use of a project. A limit of -1 is none. */
export interface QuotaUse<Resource extends string> {
  limits: Record<Resource, number>;
  used: Record<CountedResource, number>;
  /** Whether a project of this id is registered. */
  registered: boolean;
}

/** Returns SQL of the limits of a project, an object by the names in the document of the parameter `defaults`. */
export function projectLimits(project: string): string {
  return `(
    select jsonb_object_agg(key, coalesce(hard_limit, value::int))
    from jsonb_each_text(:defaults::jsonb) left join quotas on project_id = ${project} and resource = key)`;
}

/** Returns the limits of the project (the defaults where it has none of its own) and what it uses of them. */
export async function findQuotaUse<Resource extends string>(
  api: Database,
  projectId: string,
  defaults: Readonly<Record<Resource, number>>,
): Promise<QuotaUse<Resource>> {
  const [row] = await query<QuotaUse<Resource>>(
    api,
    `select
       ${projectLimits(':project_id')} as limits,
       jsonb_build_object('instances', coalesce(instances, 0), 'cores', coalesce(cores, 0), 'ram', coalesce(ram, 0),
         'server_groups', (select count(*) from instance_groups where project_id = :project_id)) as used,
       exists (select from projects where id = :project_id) as registered
     from (select) one left join quota_usages on project_id = :project_id`,
    { project_id: projectId, defaults },
  );
  if (!row) throw new Error('an outer join from one row returns one row');
  return row;
}

/**
 * Saves limits of a project of its own: all of these, or none when one is below what the project uses.
 * @param force takes limits below the use, too.
 * @returns of the limits that are too low, what is used; empty when all were saved.
 */
export async function saveQuotas(
  api: Database,
  projectId: string,
  limits: Readonly<Partial<Record<string, number>>>,
  force: boolean,
): Promise<Partial<Record<CountedResource, number>>> {
  // The row of quota_usages is there and locked before use is compared: who would use more waits, and reads the limit after that by quota_limit().
  const [row] = await query<{ too_low: Partial<Record<CountedResource, number>> }>(
    api,
    `with asked as (select key as resource, value::int as hard_limit from jsonb_each_text(:limits::jsonb)),
     usage as (
       insert into quota_usages (project_id) values (:project_id)
       on conflict (project_id) do update set updated_at = quota_usages.updated_at
       returning instances, cores, ram),
     used as (
       select 'instances' as resource, instances::bigint as used from usage
       union all select 'cores', cores from usage
       union all select 'ram', ram from usage
       union all select 'server_groups', count_server_groups(:project_id) from usage),
     too_low as (
       select resource, used from asked join used using (resource) where not :force::boolean and hard_limit >= 0 and hard_limit < used),
     saved as (
       insert into quotas (project_id, resource, hard_limit)
       select :project_id, resource, hard_limit from asked where not exists (select from too_low)
       on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit, updated_at = now())
     select coalesce(jsonb_object_agg(resource, used), '{}') as too_low from too_low`,
    { project_id: projectId, limits, force },
  );
  if (!row) throw new Error('an aggregate returns one row');
  return row.too_low;
}

/** Takes a project's own limits away, so that the defaults count. */
export async function deleteQuotas(api: Database, projectId: string): Promise<void> {
  await query(api, 'delete from quotas where project_id = :project_id', { project_id: projectId });
}
