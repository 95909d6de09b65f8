/** `cellzero db archive_deleted_rows`. */
import type { Command } from 'commander';
import { type Archived, type ArchiveOptions, archiveDeletedRows } from '../../../compute/archive/archive.ts';
import { purge } from '../../../compute/archive/purge.ts';
import { type Database, DatabaseUnreachable } from '../../../database/data-api/client.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying, wholeNumber } from '../../command.ts';
import { parseDate } from '../../options/date.ts';
import { withFailures } from '../../output/failures.ts';
import { progress } from '../../output/progress.ts';
import { table } from '../../output/table.ts';
import { purgeLines } from './purge.ts';

interface Options extends CommonOptions {
  max_rows: string;
  before?: string;
  verbose?: true;
  untilComplete?: true;
  purge?: true;
  sleep: number;
}

/** The greatest integer of Nova's databases. */
const maxInt = 2_147_483_647;

/** Adds the command. */
export function addArchive(db: Command, perform: Perform): void {
  part(db, 'archive_deleted_rows')
    .summary('move deleted servers out of the way')
    .description(
      `Moves the rows of deleted servers into the shadow tables of their cells, cell0 included, and takes their mappings, request specs and memberships of server groups out of the api database. Servers whose delete is not at its end stay. It may be stopped at any time and run again; only cells with deleted servers are woken.`,
    )
    .option('--max_rows <number>', 'about how many rows to move; those of the api database are not counted', '1000')
    .option('--before <date>', 'only what was deleted before this: YYYY-MM-DD [HH:mm:ss] in UTC, or as the command date prints it')
    .option('--verbose', 'print how many rows were moved of each table')
    .option('--until-complete', 'go on until all is moved; --max_rows is the size of a batch then')
    .option('--purge', 'then purge the shadow tables of all cells')
    .option('--all-cells', 'accepted: it is always all cells')
    .option('--task-log', 'accepted: there is no task log here')
    .option('--sleep <seconds>', 'pause between batches, with --until-complete', wholeNumber, 0)
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero db archive_deleted_rows --until-complete --verbose
  cellzero db archive_deleted_rows --before "$(date -u -d '30 days ago')" --until-complete --sleep 1
  while :; do cellzero db archive_deleted_rows --max_rows 5000; [ $? -eq 1 ] || break; done`,
        {
          0: 'there was nothing to archive',
          1: 'something was archived; maybe there is more',
          2: '--max_rows is not valid',
          3: 'the api database does not answer',
          4: '--before is no date',
        },
      ),
    )
    .action((options: Options) => perform(options, (api) => archive(api, options)));
}

async function archive(api: Database, options: Options): Promise<Outcome> {
  const maxRows = Number(options.max_rows);
  if (!Number.isSafeInteger(maxRows) || maxRows < 0) return saying('Must supply a positive value for max_rows', 2);
  if (maxRows > maxInt) return saying(`max rows must be <= ${maxInt}`, 2);
  const before = options.before === undefined ? null : parseDate(options.before);
  if (before === undefined) return saying(`Invalid value for --before: ${options.before}`, 4);
  const untilComplete = options.untilComplete ?? false;
  const report = (rows: number) => progress(`${rows} rows archived`);
  const archiving: ArchiveOptions = { maxRows, before, untilComplete, sleep: untilComplete ? options.sleep : 0, progress: report };
  let archived: Archived;
  try {
    archived = await archiveDeletedRows(api, archiving).finally(() => progress(''));
  } catch (error) {
    if (!(error instanceof DatabaseUnreachable)) throw error;
    return saying(`Failed to connect to API DB so aborting this archival attempt: ${error.message}`, 3);
  }
  return outcomeOf(api, archived, options);
}

async function outcomeOf(api: Database, { tables, failures }: Archived, { verbose, purge: purging }: Options): Promise<Outcome> {
  const rows = Object.entries(tables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([table, number]) => [table, String(number)]);
  const lines = rows.length === 0 ? ['Nothing was archived.'] : [table(['Table', 'Number of Rows Archived'], rows)];
  if (rows.length > 0 && purging) {
    const purged = await purge(api, null, (rows) => progress(`${rows} rows purged`)).finally(() => progress(''));
    lines.push('Rows were archived, running purge...', ...purgeLines(purged, null));
    failures.push(...purged.failures);
  }
  return withFailures(
    { json: { archived: tables }, text: () => (verbose ? lines.join('\n') : ''), code: rows.length > 0 ? 1 : 0 },
    failures,
  );
}
