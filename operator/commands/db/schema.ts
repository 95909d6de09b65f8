/** `sync` and `version` of `cellzero db` and `cellzero api_db`. Migrations go forward only: a database that is past the version asked for stays so. */
import type { Command } from 'commander';
import { cell0 } from '../../../compute/cells/cell0.ts';
import type { InCells } from '../../../compute/cells/reach.ts';
import { findCell } from '../../../compute/cells/register.ts';
import { readCellVersions, syncCells, upTo } from '../../../compute/cells/schemas.ts';
import { apiMigrations } from '../../../database/api/migrations/index.ts';
import { cellMigrations } from '../../../database/cell/migrations/index.ts';
import type { Database } from '../../../database/data-api/client.ts';
import { schemaVersion } from '../../../database/migrator/migrate.ts';
import { migrateAsMaster } from '../../../database/migrator/service-user.ts';
import { masterAccess } from '../../../lambdas/deploy/master-access.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying, wholeNumber } from '../../command.ts';
import { withFailures } from '../../output/failures.ts';

/** Adds `db sync` and `db version`. */
export function addCellSchemas(db: Command, perform: Perform): void {
  addSync(db, 'the databases of cell0 and all cells')
    .option('--local_cell', 'accepted: every cell is synced')
    .addHelpText('after', help('db sync', { 0: 'all are up to date', 1: 'not all could be reached or moved; the others are up to date' }))
    .action((version: number | undefined, options: CommonOptions) => perform(options, (api) => syncAllCells(api, version)));
  part(db, 'version')
    .summary('print the version that all cells have reached')
    .description('Prints the version that the databases of cell0 and all cells have reached; on stderr, which of them are further.')
    .addHelpText('after', help('db version', { 0: 'success' }))
    .action((options: CommonOptions) => perform(options, async (api) => versionOf(await readCellVersions(api))));
}

/** Adds `api_db sync` and `api_db version`. */
export function addApiSchema(apiDb: Command, perform: Perform): void {
  addSync(apiDb, 'the api database')
    .addHelpText('after', help('api_db sync', { 0: 'it is up to date' }))
    .action((version: number | undefined, options: CommonOptions) =>
      perform(options, async (api) => {
        const applied = await migrateAsMaster(await masterAccess(api), upTo(apiMigrations, version));
        return { json: { applied }, text: () => appliedText('api', applied), code: 0 };
      }),
    );
  part(apiDb, 'version')
    .summary('print the version of the api database')
    .description('Prints the version of the api database.')
    .addHelpText('after', help('api_db version', { 0: 'success' }))
    .action((options: CommonOptions) =>
      perform(options, async (api) => {
        const version = await schemaVersion(api);
        return { json: { version }, text: () => String(version), code: 0 };
      }),
    );
}

function addSync(parent: Command, what: string): Command {
  return part(parent, 'sync')
    .summary(`apply migrations to ${what}`)
    .description(`Applies the migrations that ${what} lack${what.endsWith('s') ? '' : 's'}. A deployment has done so before its code runs.`)
    .argument('[VERSION]', 'the last one to apply; all when none is given', wholeNumber);
}

const help = (command: string, codes: Readonly<Record<number, string>>) =>
  novaHelpEnd(`  cellzero ${command}\n  cellzero ${command} --json`, codes);

const appliedText = (database: string, applied: readonly number[]) =>
  applied.length === 0 ? '' : `${database}: applied ${applied.join(', ')}`;

async function syncAllCells(api: Database, version: number | undefined): Promise<Outcome> {
  const migrations = upTo(cellMigrations, version);
  let synced: InCells<number[]>;
  try {
    synced = await syncCells(api, migrations, masterAccess);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return saying(`ERROR: Could not read the cells from the api database.\nHas "cellzero api_db sync" been run?\nError: ${reason}`, 1);
  }
  const cells = synced.results.map(({ cell, result }) => ({ cell: cell.name, applied: result }));
  const lines = cells.map(({ cell, applied }) => appliedText(cell, applied)).filter((line) => line !== '');
  const outcome = withFailures({ json: { cells }, text: () => lines.join('\n'), code: 0 }, synced.failures);
  const zero = (await findCell(api, cell0)) ? [] : ['cell0 is not registered, so it is not synced'];
  return { ...outcome, code: synced.failures.length > 0 ? 1 : 0, warnings: [...(outcome.warnings ?? []), ...zero] };
}

function versionOf({ results, failures }: InCells<number>): Outcome {
  const cells = results.map(({ cell, result }) => ({ cell: cell.name, version: result }));
  const version = Math.min(...cells.map(({ version }) => version));
  const outcome = withFailures({ json: { version, cells }, text: () => String(version), code: 0 }, failures);
  const further = cells.filter((cell) => cell.version > version).map((cell) => `${cell.cell} is at version ${cell.version}`);
  return { ...outcome, warnings: [...(outcome.warnings ?? []), ...further] };
}
