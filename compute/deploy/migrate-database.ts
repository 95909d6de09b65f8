/** A database of a deployment gets its schema before anything uses it. */
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import type { Database } from '../../database/data-api/client.ts';
import { migrate } from '../../database/migrator/migrate.ts';

const histories = { api: apiMigrations, cell: cellMigrations };

/** Which schema a database has; cell0 has that of a cell. */
export type Schema = keyof typeof histories;

/** Returns whether there is a schema of this name. */
export function isSchema(name: string): name is Schema {
  return Object.hasOwn(histories, name);
}

/**
 * Applies the migrations that a database lacks; returns their versions.
 * @throws the Data API's error of the migration that failed.
 */
export function migrateDatabase(database: Database, schema: Schema): Promise<number[]> {
  return migrate(database, histories[schema]);
}
