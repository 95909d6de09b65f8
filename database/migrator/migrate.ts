/**
 * The one migrator, for the api database, cell0 and every live cell. A migration is one statement (a plpgsql block), so it is applied whole or not at
 * all, in one call; the block takes a lock and reads `schema_migrations` itself, so it may be sent twice and run from two places at once.
 */
import { type Database, query } from '../data-api/client.ts';
import type { Migration } from './migration.ts';

/** Any constant; serialises migrators of one database. */
const lock = 20_260_101;

/**
 * Applies what the database lacks of the migrations, in order.
 * @returns the versions that this call applied, none when the database is up to date.
 * @throws DatabaseUnreachable, or the Data API's error of the migration that failed; earlier ones stay applied.
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<number[]> {
  await query(
    database,
    `do $migrator$ begin
       perform pg_advisory_xact_lock(${lock});
       create table if not exists schema_migrations (
         version integer primary key, name text not null, applied_at timestamptz not null default now());
     end $migrator$`,
  );
  const before = await appliedVersions(database);
  const missing = migrations.filter(({ version }) => !before.has(version));
  for (const migration of missing) await query(database, block(migration));
  return missing.map(({ version }) => version);
}

/** Returns the version of a database's schema: that of its last migration, 0 before the first. */
export async function schemaVersion(database: Database): Promise<number> {
  const [row] = await query<{ migrated: boolean }>(database, `select to_regclass('schema_migrations') is not null as migrated`);
  return row?.migrated ? Math.max(0, ...(await appliedVersions(database))) : 0;
}

async function appliedVersions(database: Database): Promise<Set<number>> {
  const rows = await query<{ version: number }>(database, 'select version from schema_migrations');
  return new Set(rows.map(({ version }) => version));
}

function block({ version, name, sql }: Migration): string {
  return `do $migrator$ begin
    perform pg_advisory_xact_lock(${lock});
    if not exists (select from schema_migrations where version = ${version}) then
      ${sql}
      insert into schema_migrations (version, name) values (${version}, '${name}');
    end if;
  end $migrator$`;
}
