/** The schemas of all cells' databases. A deployment moves them before its code runs; this is for cells from elsewhere, and to see how far each is. */

import { NotFound } from '../../common/errors.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import type { Database } from '../../database/data-api/client.ts';
import { schemaVersion } from '../../database/migrator/migrate.ts';
import type { Migration } from '../../database/migrator/migration.ts';
import { type MasterAccess, migrateAsMaster } from '../../database/migrator/service-user.ts';
import { type InCells, inCells } from './reach.ts';

/**
 * Returns the migrations up to a version, or all.
 * @throws NotFound when there is no such version.
 */
export function upTo(migrations: readonly Migration[], version: number | undefined): readonly Migration[] {
  if (version === undefined) return migrations;
  const wanted = migrations.filter((migration) => migration.version <= version);
  if (wanted.at(-1)?.version !== version) throw new NotFound(`There is no version ${version}: this code knows 1 to ${migrations.length}.`);
  return wanted;
}

/**
 * Applies migrations that the databases of cell0 and all cells lack; returns the versions that were applied.
 * @param asMaster finds out how the master of a database opens it.
 */
export async function syncCells(
  api: Database,
  migrations: readonly Migration[],
  asMaster: (database: Database) => Promise<MasterAccess>,
): Promise<InCells<number[]>> {
  return inCells(await listCellMappings(api), 'tending', async (_, database) => migrateAsMaster(await asMaster(database), migrations));
}

/** Returns the versions of the databases of cell0 and all cells. */
export async function readCellVersions(api: Database): Promise<InCells<number>> {
  return inCells(await listCellMappings(api), 'tending', (_, database) => schemaVersion(database));
}
