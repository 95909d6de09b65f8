/** A database of a deployment gets its schema before anything uses it. */
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import { type MasterAccess, migrateAsMaster } from '../../database/migrator/service-user.ts';

export type { MasterAccess };

const histories = { api: apiMigrations, cell: cellMigrations };

/** Which schema a database has; cell0 has that of a cell. */
export type Schema = keyof typeof histories;

/** Returns whether there is a schema of this name. */
export function isSchema(name: string): name is Schema {
  return Object.hasOwn(histories, name);
}

/**
 * Applies the migrations that a database lacks, and lets the user of the functions use it; returns their versions.
 * @throws the Data API's error of the migration that failed.
 */
export function migrateDatabase(access: MasterAccess, schema: Schema): Promise<number[]> {
  return migrateAsMaster(access, histories[schema]);
}
