/** The `cellzero` command: its parts, their options and their help. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { audit, defaultPatience, isClean } from '../compute/audit/audit.ts';
import { listBurials } from '../compute/audit/buried.ts';
import { explain } from '../compute/audit/explain.ts';
import { kinds } from '../compute/audit/kinds.ts';
import { isUuid } from '../compute/uuid.ts';
import type { Database } from '../database/data-api.ts';
import { auditText } from './audit.ts';
import { buriedText } from './buried.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { explainText } from './explain.ts';
import { reach } from './reach.ts';

const whichDeployment = `
Which deployment:
  --data-dir DIR         the local one whose data is there, running or stopped
  API_DATABASE=URL       the one whose api database this is (rds-data://…), with the
                         AWS SDK's own variables for region and credentials
  CELLZERO_DATA_DIR=DIR  as --data-dir; .cellzero when nothing is said`;

const exitHelp = (one: string) => `
Exit codes:
  0  ${one}
  2  the command line makes no sense
  3  the deployment cannot be reached`;

interface CommonOptions {
  dataDir?: string;
  json?: true;
}

/** What a part of the command says, and the code it ends with. */
interface Outcome {
  json: unknown;
  text: () => string;
  code: ExitCode;
}

/** Makes the command; `end` takes the code it ends with. */
export function program(print: (text: string) => void, end: (code: ExitCode) => void): Command {
  const perform = async ({ dataDir, json }: CommonOptions, run: (api: Database) => Promise<Outcome>) => {
    const deployment = await reach(dataDir);
    try {
      const outcome = await run(deployment.api);
      print(json ? JSON.stringify(outcome.json, null, 2) : outcome.text());
      end(outcome.code);
    } finally {
      await deployment.close();
    }
  };
  const root = new Command('cellzero')
    .description('Looks after a Cellzero cloud: finds what is broken, and tells what became of a server.')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  root.addHelpText('after', `${whichDeployment}\n\n"cellzero <command> --help" tells more of a command.`);

  part(root, 'audit')
    .summary('list every broken property with the rows concerned')
    .description(
      `Reads all databases and lists every broken property with the rows concerned. It changes nothing and may run beside a busy cloud: what does not fit together is looked at again before it counts. Cells that sleep are woken.`,
    )
    .option('--settled', 'nothing is at work on the cloud: what is unfinished is stuck, and one look suffices')
    .addOption(
      new Option(
        '--patience <seconds>',
        `for how long a boot may last, and the reaper may leave something undone (${defaultPatience})`,
      ).argParser(wholeNumber),
    )
    .addHelpText('after', auditHelp)
    .action((options: CommonOptions & { settled?: true; patience?: number }) =>
      perform(options, async (api) => {
        const { settled = false, patience } = options;
        const report = await audit(api, { settled, ...(patience === undefined ? {} : { patience }) });
        const clean = isClean(report);
        return { json: { clean, ...report }, text: () => auditText(report), code: clean ? exitCodes.clean : exitCodes.findings };
      }),
    );

  part(root, 'explain')
    .summary('tell where a server is, what became of it, and why')
    .description(
      'Tells where a server is, what became of it, and why: its fault with the whole reason, its claims, its actions. Deleted ones too.',
    )
    .argument('<server>', 'id of the server', serverId)
    .addHelpText(
      'after',
      `
Examples:
  cellzero explain 5f0c1a3e-7d0e-4a9b-8d43-2f6c9d1b7a10
  cellzero explain "$(openstack server show -f value -c id web-1)" --json
${whichDeployment}
${exitHelp('it is told\n  1  there is no such server')}`,
    )
    .action((server: string, options: CommonOptions) =>
      perform(options, async (api) => {
        const explanation = await explain(api, server);
        if (!explanation) {
          return { json: null, text: () => `There is no server ${server}, and no trace of one.`, code: exitCodes.findings };
        }
        return { json: explanation, text: () => explainText(explanation), code: exitCodes.clean };
      }),
    );

  part(root, 'buried')
    .summary('count what is in cell0, by first cause, project and day')
    .description('Counts the servers in cell0 that no cell could hold, by the first cause of their burial, by project and by day.')
    .addOption(new Option('--days <number>', 'only what was buried in so many days').argParser(wholeNumber))
    .addHelpText(
      'after',
      `
Examples:
  cellzero buried --days 7
  cellzero buried --json | jq 'map(select(.cause == "DISK_GB"))'
${whichDeployment}
${exitHelp('it is told, also when nothing is buried')}`,
    )
    .action((options: CommonOptions & { days?: number }) =>
      perform(options, async (api) => {
        const burials = await listBurials(api, options.days ?? null);
        return { json: burials, text: () => buriedText(burials), code: exitCodes.clean };
      }),
    );
  return root;
}

function part(root: Command, name: string): Command {
  return root
    .command(name)
    .option('--json', 'for scripts instead of people')
    .option('--data-dir <dir>', 'data directory of a local deployment');
}

const auditHelp = () => `
Examples:
  cellzero audit
  cellzero audit --json | jq -r '.findings[] | [.kind, .ids.server] | @tsv'
  cellzero audit --settled --data-dir /srv/cellzero   # its service is stopped

What it finds:
${kindsText()}
What cells still have to finish is listed as pending: the reaper sees to it.
${whichDeployment}
${exitHelp('everything was read, and nothing is broken\n  1  something is broken, or a cell could not be read')}`;

function kindsText(): string {
  const byProperty = Map.groupBy(Object.entries(kinds), ([, { property }]) => property);
  const width = Math.max(...Object.keys(kinds).map((kind) => kind.length));
  return [...byProperty]
    .map(([property, found]) => {
      const lines = found.map(([kind, { meaning }]) => `    ${kind.padEnd(width)}  ${meaning}`);
      return [`  ${property}`, ...lines].join('\n');
    })
    .join('\n');
}

function wholeNumber(text: string): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new InvalidArgumentError('It takes a whole number.');
  return number;
}

function serverId(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It takes the id of a server, a uuid.');
  return text.toLowerCase();
}
