/** Migrates one database while its stack deploys, before anything uses it; a failure rolls the deployment back. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'aws-lambda';
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import { DatabaseUnreachable, parseDatabaseUrl } from '../../database/data-api.ts';
import { migrate } from '../../database/migrate.ts';
import { setting } from '../environment.ts';
import { log, observed } from '../observe/invocation.ts';

const schemas = { api: apiMigrations, cell: cellMigrations };

/** A new cluster, and rights that were just granted, take minutes to answer; in milliseconds. */
const patience = 8 * 60_000;
const pause = 5_000;
/** Errors of a cluster that is not ready yet, beside DatabaseUnreachable. */
const notReady = new Set(['AccessDeniedException', 'ForbiddenException', 'BadRequestException', 'HttpEndpointNotEnabledException']);

/**
 * Brings the database of this function's environment up to date.
 * @throws the error of the migration that failed, or of a database that did not answer for 8 minutes.
 */
export function handler(_event?: unknown, context?: Context): Promise<void> {
  return observed('migrate', context, migrateWhenReady);
}

async function migrateWhenReady(): Promise<void> {
  const schema = setting('SCHEMA');
  if (schema !== 'api' && schema !== 'cell') throw new Error(`SCHEMA is ${schema}, not api or cell`);
  const database = parseDatabaseUrl(setting('DATABASE'));
  for (const giveUp = Date.now() + patience; ; await sleep(pause)) {
    try {
      const applied = await migrate(database, schemas[schema]);
      log().info('migrated', { schema, applied });
      return;
    } catch (error) {
      const later = error instanceof DatabaseUnreachable || (error instanceof Error && notReady.has(error.name));
      if (!later || Date.now() > giveUp) throw error;
    }
  }
}
