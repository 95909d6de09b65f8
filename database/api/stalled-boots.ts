/** Boots that nobody moves any more. */
import { type Database, query } from '../data-api.ts';

/** Servers that a new execution shall take on. */
export interface StalledBoot {
  execution: string;
  /** Of the request that asked for them. */
  requestId: string;
  servers: string[];
}

/** So many reservations at a time; the next run takes the next. */
const most = 100;

/**
 * Takes boots whose workflow was not heard of for so many seconds away from it and names a new execution for each; the old one can do nothing any more.
 */
export async function takeOverStalledBoots(api: Database, silence: number): Promise<StalledBoot[]> {
  return query<StalledBoot>(
    api,
    `with silent as (
       select distinct reservation_id from build_requests where updated_at <= now() - make_interval(secs => :silence) limit ${most}),
     mine as (
       select b.id from build_requests b join silent using (reservation_id)
       where b.updated_at <= now() - make_interval(secs => :silence) order by b.id for update of b skip locked),
     taken as (
       update build_requests b set execution = reservation_id || '-' || (extract(epoch from clock_timestamp()) * 1000)::bigint, updated_at = now()
       from mine where b.id = mine.id
       returning request_id, instance_uuid, execution)
     select execution, max(request_id) as "requestId", jsonb_agg(instance_uuid) as servers from taken group by execution`,
    { silence },
  );
}
