/** `cellzero db purge`. */
import type { Command } from 'commander';
import { purge } from '../../../compute/archive/purge.ts';
import type { InCells } from '../../../compute/cells/reach.ts';
import { ageColumn } from '../../../database/cell/archive.ts';
import { type Database, DatabaseUnreachable } from '../../../database/data-api/client.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying } from '../../command.ts';
import { parseDate } from '../../options/date.ts';
import { withFailures } from '../../output/failures.ts';
import { progress } from '../../output/progress.ts';

interface Options extends CommonOptions {
  before?: string;
  all?: true;
  verbose?: true;
}

/** Adds the command. */
export function addPurge(db: Command, perform: Perform): void {
  part(db, 'purge')
    .summary('remove what was archived')
    .description('Empties the shadow tables of cell0 and all cells, in batches. What is not archived is not touched.')
    .option('--before <date>', 'only what was deleted before this: YYYY-MM-DD [HH:mm:ss] in UTC, or as the command date prints it')
    .option('--all', 'all of it')
    .option('--verbose', 'print how many rows were removed of each table')
    .option('--all-cells', 'accepted: it is always all cells')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero db purge --all --verbose
  cellzero db purge --before 2026-01-31`,
        {
          0: 'something was purged',
          1: 'neither --before nor --all',
          2: '--before is no date',
          3: 'there was nothing to purge',
          4: 'the api database does not answer',
        },
      ),
    )
    .action((options: Options) => perform(options, (api) => purgeAll(api, options)));
}

async function purgeAll(api: Database, options: Options): Promise<Outcome> {
  if (options.before === undefined && !options.all) return saying('Either --before or --all is required', 1);
  const before = options.before === undefined ? null : parseDate(options.before);
  if (before === undefined) return saying(`Invalid value for --before: ${options.before}`, 2);
  let purged: InCells<Record<string, number>>;
  try {
    purged = await purge(api, before, (rows) => progress(`${rows} rows purged`)).finally(() => progress(''));
  } catch (error) {
    if (!(error instanceof DatabaseUnreachable)) throw error;
    return saying(`Unable to get cell list from API DB: ${error.message}`, 4);
  }
  const cells = Object.fromEntries(purged.results.map(({ cell, result }) => [cell.name, result]));
  const lines = purgeLines(purged, before);
  return withFailures(
    { json: { purged: cells }, text: () => (options.verbose ? lines.join('\n') : ''), code: lines.length > 0 ? 0 : 3 },
    purged.failures,
  );
}

/** Returns, in Nova's words, what was removed of each table. */
export function purgeLines({ results }: InCells<Record<string, number>>, before: Date | null): string[] {
  return results.flatMap(({ cell: { uuid, name }, result }) =>
    Object.entries(result).map(([table, rows]) => {
      const column = before === null ? '(n/a)' : ageColumn(table.replace('shadow_', ''));
      return `Cell ${uuid}(${name}): Deleted ${rows} rows from ${table} based on timestamp column ${column}`;
    }),
  );
}
