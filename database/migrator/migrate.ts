/**
 * The one migrator, for the api database, cell0 and every live cell. A migration is one statement (a plpgsql block), so it is applied whole or not at
 * all, in one call; the block takes a lock and reads `schema_migrations` itself, so it may be sent twice and run from two places at once.
 */
import { createHash } from 'node:crypto';
import { type Database, query } from '../data-api/client.ts';
import type { Migration } from './migration.ts';

/** A migration may take as long as the Data API lets a statement run, which is 45 s. */
const patience = { each: 50_000, left: Number.POSITIVE_INFINITY, attempts: 3 };

/** Any constant; serialises migrators of one database. */
const lock = 20_260_101;

/** A migration is not what it was when the database applied it, so nobody knows what schema the two of them make. */
export class MigrationChanged extends Error {
  override name = 'MigrationChanged';
}

/**
 * Applies what the database lacks of the migrations, in order.
 * @returns the versions that this call applied, none when the database is up to date.
 * @throws MigrationChanged before anything is applied; DatabaseUnreachable, or the Data API's error of the migration that failed; earlier ones stay applied.
 */
export async function migrate(where: Database, migrations: readonly Migration[]): Promise<number[]> {
  const database = { ...where, patience };
  await query(
    database,
    `do $migrator$ begin
       perform pg_advisory_xact_lock(${lock});
       create table if not exists schema_migrations (
         version integer primary key, name text not null, applied_at timestamptz not null default now());
       alter table schema_migrations add column if not exists checksum text;
     end $migrator$`,
  );
  const before = await appliedVersions(database);
  for (const { version, name, sql } of migrations) {
    if ((before.get(version) ?? checksum(sql)) === checksum(sql)) continue;
    throw new MigrationChanged(`migration ${version}, ${name}, was changed after ${database.database} applied it`);
  }
  const missing = migrations.filter(({ version }) => !before.has(version));
  for (const migration of missing) await query(database, block(migration));
  return missing.map(({ version }) => version);
}

/** Returns the version of a database's schema: that of its last migration, 0 before the first. */
export async function schemaVersion(database: Database): Promise<number> {
  const [row] = await query<{ migrated: boolean }>(database, `select to_regclass('schema_migrations') is not null as migrated`);
  return row?.migrated ? Math.max(0, ...(await appliedVersions(database)).keys()) : 0;
}

/** Returns the checksums by version; null for what was applied before there were any, when the table had no column for them. */
async function appliedVersions(database: Database): Promise<Map<number, string | null>> {
  const rows = await query<{ version: number; checksum: string | null }>(
    database,
    `select version, to_jsonb(applied)->>'checksum' as checksum from schema_migrations applied`,
  );
  return new Map(rows.map(({ version, checksum }) => [version, checksum]));
}

/** Returns the SHA-256 of the SQL of a migration, by which a change of it shows. */
export function checksum(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}

function block({ version, name, sql }: Migration): string {
  return `do $migrator$ begin
    perform pg_advisory_xact_lock(${lock});
    if not exists (select from schema_migrations where version = ${version}) then
      ${sql}
      insert into schema_migrations (version, name, checksum) values (${version}, '${name}', '${checksum(sql)}');
    end if;
  end $migrator$`;
}
