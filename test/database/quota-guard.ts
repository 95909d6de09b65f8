/** Makes the api database refuse what must never be: more servers in a project than so many, judged by the row that is kept. */
import { type Database, query } from '../../database/data-api.ts';

/** From now on a statement that takes a project beyond this number of servers fails. */
export async function forbidMoreThan(api: Database, servers: number): Promise<void> {
  await query(
    api,
    `do $$ begin
       create function refuse_excess() returns trigger language plpgsql as $body$
       begin
         raise check_violation using message = format('%s servers are beyond the quota', new.instances);
       end $body$;
       create trigger within_quota after update on quota_usages for each row
         when (new.instances > ${servers}) execute function refuse_excess();
     end $$`,
  );
}
