/** `cellzero cell_v2 map_instances` and `verify_instance`. */
import { type Command, InvalidArgumentError } from 'commander';
import { NotFound } from '../../../common/errors.ts';
import { isUuid } from '../../../common/uuid.ts';
import { type MappedInstances, mapInstances } from '../../../compute/cells/map-instances.ts';
import { inCell } from '../../../compute/cells/reach.ts';
import { findCell } from '../../../compute/cells/register.ts';
import { type Verification, verifyInstance } from '../../../compute/cells/verify-instance.ts';
import { type CommonOptions, novaHelpEnd, type Outcome, type Perform, part, saying } from '../../command.ts';
import { progress } from '../../output/progress.ts';

/** Adds the commands. */
export function addInstances(cellV2: Command, perform: Perform): void {
  addMap(cellV2, perform);
  addVerify(cellV2, perform);
}

interface MapOptions extends CommonOptions {
  cell_uuid: string;
  maxCount?: string;
}

function addMap(cellV2: Command, perform: Perform): void {
  part(cellV2, 'map_instances')
    .summary("take a cell's servers into the index")
    .description(
      `Looks for servers of a cell that the index does not have, as after a database was restored, and takes them into it: deleted ones as deleted, living ones with their request spec, their share of the quota and their claim on their host. What is mapped is never mapped twice, so it may be stopped and run again.`,
    )
    .requiredOption('--cell_uuid <cell_uuid>', 'which cell')
    .option('--max-count <max_count>', 'at most this number of servers; run it again until it exits with 0')
    .option('--reset', 'accepted: every run begins at the start and passes over what is mapped')
    .addHelpText(
      'after',
      novaHelpEnd(
        `  cellzero cell_v2 map_instances --cell_uuid UUID
  until cellzero cell_v2 map_instances --cell_uuid UUID --max-count 1000; do sleep 1; done`,
        { 0: 'all servers of the cell are mapped', 1: 'more are left', 127: '--max-count is no positive number' },
      ),
    )
    .action((options: MapOptions) =>
      perform(options, async (api) => {
        const most = options.maxCount === undefined ? Number.POSITIVE_INFINITY : Number(options.maxCount);
        if (!(most >= 1) || (Number.isFinite(most) && !Number.isSafeInteger(most))) {
          return saying('Must supply a positive value for max-count', 127);
        }
        const cell = await findCell(api, options.cell_uuid);
        if (!cell) throw new NotFound(`Cell with uuid ${options.cell_uuid} was not found.`);
        const report = ({ seen, mapped }: MappedInstances) => progress(`${cell.name}: ${seen} servers seen, ${mapped} mapped`);
        const mapped = await inCell(cell.database_connection, 'tending', (database) =>
          mapInstances(api, cell, database, most, report),
        ).finally(() => progress(''));
        return { json: mapped, text: () => '', code: mapped.more ? 1 : 0 };
      }),
    );
}

interface VerifyOptions extends CommonOptions {
  uuid: string;
  quiet?: true;
}

function addVerify(cellV2: Command, perform: Perform): void {
  part(cellV2, 'verify_instance')
    .summary('check whether the index and a cell agree about a server')
    .description('Checks whether a server is mapped to a cell and is there. "cellzero explain" shows all that is known of it.')
    .requiredOption('--uuid <instance_uuid>', 'which server', serverUuid)
    .option('--quiet', 'print nothing')
    .addHelpText(
      'after',
      novaHelpEnd(`  cellzero cell_v2 verify_instance --uuid 5f0c1a3e-7d0e-4a9b-8d43-2f6c9d1b7a10`, {
        0: 'it is in its cell',
        1: 'the index does not have it',
        2: 'it has no cell: it waits for one, or was deleted before',
        3: 'it is deleted and waits for the archive',
        4: 'its cell has no row of it, but its mapping remains',
      }),
    )
    .action((options: VerifyOptions) =>
      perform(options, async (api) => {
        const outcome = verification(options.uuid, await verifyInstance(api, options.uuid));
        return options.quiet ? { ...outcome, text: () => '' } : outcome;
      }),
    );
}

function serverUuid(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It takes the id of a server, a uuid.');
  return text.toLowerCase();
}

function verification(uuid: string, { found, cell }: Verification): Outcome {
  switch (found) {
    case 'in its cell':
      return saying(`Instance ${uuid} is in cell: ${cell?.name} (${cell?.uuid})`, 0, { found, cell });
    case 'not in the index':
      return saying(`Instance ${uuid} is not mapped to a cell (upgrade is incomplete) or instance does not exist`, 1, { found, cell });
    case 'without a cell':
      return saying(`Instance ${uuid} is not mapped to a cell`, 2, { found, cell });
    case 'deleted':
      return saying(
        `The instance with uuid ${uuid} has been deleted.
Execute \`cellzero db archive_deleted_rows\` command to archive this deleted instance and remove its instance_mapping.`,
        3,
        { found, cell },
      );
    case 'archived':
      return saying(`The instance with uuid ${uuid} has been archived.\nHowever its instance_mapping remains.`, 4, { found, cell });
  }
}
