/**
 * The one migrator, for the api database, cell0 and every live cell. A migration is one statement (a plpgsql block), so it is applied whole or not at
 * all, in one call; the block takes a lock and reads `schema_migrations` itself, so it may be sent twice and run from two places at once.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, query, StillRunning } from '../data-api/client.ts';
import { deadline } from '../data-api/deadline.ts';
import type { Migration } from './migration.ts';

/** A call may take as long as the Data API waits for a statement, which is 45 s. */
const patience = { each: 50_000, left: Number.POSITIVE_INFINITY, attempts: 3 };

/** How often a migration that outlasts its call is looked for, in milliseconds. */
const pause = 1_000;

/** Any constant; serialises migrators of one database. */
const lock = 20_260_101;

/** A migration is not what it was when the database applied it, so nobody knows what schema the two of them make. */
export class MigrationChanged extends Error {
  override name = 'MigrationChanged';
}

/** How a migration ends is not known, or no better than that it failed. */
export class MigrationUnfinished extends Error {
  override name = 'MigrationUnfinished';
}

/**
 * Applies what the database lacks of the migrations, in order. One that takes longer than a call is waited for until the deadline.
 * @returns the versions that this call applied, none when the database is up to date.
 * @throws MigrationChanged before anything is applied; MigrationUnfinished; DatabaseUnreachable, or the Data API's error of the migration that failed; earlier ones stay applied.
 */
export async function migrate(where: Database, migrations: readonly Migration[]): Promise<number[]> {
  const database = { ...where, patience };
  await prepare(database);
  const before = await appliedVersions(database);
  for (const { version, name, sql } of migrations) {
    if ((before.get(version) ?? checksum(sql)) === checksum(sql)) continue;
    throw new MigrationChanged(`migration ${version}, ${name}, was changed after ${database.database} applied it`);
  }
  const missing = migrations.filter(({ version }) => !before.has(version));
  for (const migration of missing) await apply(database, migration);
  return missing.map(({ version }) => version);
}

/** Makes the table of migrations, or the column it lacks. Where both are there, a migrator that runs is not waited for. */
async function prepare(database: Database): Promise<void> {
  const there = `select 1 as there from pg_attribute where attrelid = to_regclass('schema_migrations') and attname = 'checksum' and not attisdropped`;
  if ((await query(database, there)).length > 0) return;
  await query(
    database,
    `do $migrator$ begin
       perform pg_advisory_xact_lock(${lock});
       create table if not exists schema_migrations (
         version integer primary key, name text not null, applied_at timestamptz not null default now());
       alter table schema_migrations add column if not exists checksum text;
     end $migrator$`,
  );
}

async function apply(database: Database, migration: Migration): Promise<void> {
  try {
    await query({ ...database, continueAfterTimeout: true }, block(migration));
  } catch (error) {
    if (!(error instanceof StillRunning)) throw error;
    await ended(database, migration);
  }
}

/** Waits for a migration whose call is over: as long as it runs, it holds the lock or waits for it. */
async function ended(database: Database, { version, name }: Migration): Promise<void> {
  for (;;) {
    const [running] = await query(
      database,
      `select 1 as running from pg_locks where locktype = 'advisory' and objid = ${lock} and database =
      (select oid from pg_database where datname = current_database())`,
    );
    // In this order: a migration that has ended is seen by what asks after that.
    if ((await appliedVersions(database)).has(version)) return;
    if (!running) {
      throw new MigrationUnfinished(`migration ${version}, ${name}, ran for longer than a call and failed; PostgreSQL's log says why`);
    }
    if (Date.now() + 2 * pause > deadline()) {
      throw new MigrationUnfinished(`migration ${version}, ${name}, still runs; deploy again when it has ended`);
    }
    await sleep(pause);
  }
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
