/** Races that are rare by nature become certain when the time between reading and committing is long. */
import { type Database, query } from '../../../../database/data-api.ts';

/** Makes every insert into a table take longer while `during` runs. */
export async function slowInserts<T>(database: Database, table: string, milliseconds: number, during: () => Promise<T>): Promise<T> {
  await query(
    database,
    `do $do$ begin
       create or replace function slow_insert() returns trigger language plpgsql as
         $function$ begin perform pg_sleep(${milliseconds / 1_000}); return new; end $function$;
       create trigger slow_insert before insert on ${table} for each row execute function slow_insert();
     end $do$`,
  );
  try {
    return await during();
  } finally {
    await query(database, `drop trigger slow_insert on ${table}`);
  }
}
