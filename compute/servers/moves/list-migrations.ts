/** The migrations of all cells. One that does not answer is left out, as in Nova. */
import { BadRequest } from '../../../common/errors.ts';
import { listCellMappings } from '../../../database/api/cells/cell-mappings.ts';
import {
  findMigrationMarker,
  type Migration,
  type MigrationFilter,
  listMigrations as selectMigrations,
} from '../../../database/cell/list-migrations.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { cell0 } from '../../cells/cell0.ts';
import { reachCells } from '../../cells/reach.ts';

export type { Migration, MigrationFilter };

/**
 * Returns a page of migrations, the latest first.
 * @param marker uuid of the migration after which it begins; null for the first page.
 * @throws BadRequest when there is no such migration, or a fault of ours in a cell.
 */
export async function listMigrations(api: Database, filter: Omit<MigrationFilter, 'after'>, marker: string | null): Promise<Migration[]> {
  // No server in cell0 has ever had a host.
  const cells = (await listCellMappings(api)).filter(({ uuid }) => uuid !== cell0);
  const { inCells } = reachCells('reading');
  const everywhere = async <Result>(job: (cell: Database) => Promise<Result>) => {
    const { results, faults } = await inCells(cells, (_, database) => job(database));
    if (faults.length > 0) throw faults[0];
    return results.map(({ result }) => result);
  };
  const [after = null] =
    marker === null ? [] : (await everywhere((cell) => findMigrationMarker(cell, marker))).filter((found) => found !== undefined);
  if (marker !== null && !after) throw new BadRequest(`Marker ${marker} could not be found.`);
  const pages = await everywhere((cell) => selectMigrations(cell, { ...filter, after }));
  const latestFirst = (one: Migration, other: Migration) =>
    other.created_at.localeCompare(one.created_at) || other.uuid.localeCompare(one.uuid);
  return pages.flat().toSorted(latestFirst).slice(0, filter.limit);
}
