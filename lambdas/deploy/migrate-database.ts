/** Migrates one database while its stack deploys, before anything uses it; a failure rolls the deployment back. */
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import { parseDatabaseUrl } from '../../database/data-api.ts';
import { migrate } from '../../database/migrate.ts';
import { setting } from '../environment.ts';
import { whenReady } from './when-ready.ts';

const schemas = { api: apiMigrations, cell: cellMigrations };

/**
 * Brings the database of this function's environment up to date.
 * @throws the error of the migration that failed, or of a database that did not answer for 8 minutes.
 */
export async function handler(): Promise<void> {
  const schema = setting('SCHEMA');
  if (schema !== 'api' && schema !== 'cell') throw new Error(`SCHEMA is ${schema}, not api or cell`);
  const database = parseDatabaseUrl(setting('DATABASE'));
  const applied = await whenReady(() => migrate(database, schemas[schema]));
  console.log(JSON.stringify({ level: 'INFO', message: 'migrated', database: database.database, applied }));
}
