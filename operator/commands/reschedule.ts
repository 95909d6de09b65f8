/** `cellzero reschedule`: a second chance for what is in cell0. */
import { type Command, InvalidArgumentError } from 'commander';
import { isUuid } from '../../common/uuid.ts';
import { type Choice, type Rescheduled, rescheduleBuried } from '../../compute/servers/reschedule-buried.ts';
import type { Database } from '../../database/data-api/client.ts';
import { NoDeployment } from '../../local/deployment/attach.ts';
import { type CommonOptions, helpEnd, type Outcome, type Perform, part } from '../command.ts';
import { type Deployment, target } from '../deployment/reach.ts';
import { exitCodes } from '../exit-codes.ts';
import { progress } from '../output/progress.ts';
import { table } from '../output/table.ts';

interface Options extends CommonOptions {
  cause?: string;
  project?: string;
  all?: true;
  dryRun?: true;
}

/** Adds `cellzero reschedule`. */
export function addReschedule(root: Command, perform: Perform): void {
  const command = part(root, 'reschedule')
    .summary('send servers in cell0 through the boot again')
    .description(
      'Sends servers that no cell could hold through the ordinary boot again, when there is capacity for them: each keeps its id, its quota and all that its client gave it. One that fits becomes ACTIVE, one that does not is buried again with the new reason.',
    )
    .argument('[servers...]', 'ids of the servers', serverIds)
    .option('--cause <cause>', 'those of this first cause, as "cellzero buried" names it')
    .option('--project <id>', 'those of this project')
    .option('--all', 'all that are in cell0')
    .option('--dry-run', 'only list what would be sent')
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero reschedule --cause DISK_GB --dry-run
  cellzero reschedule --cause DISK_GB
  cellzero reschedule 5f0c1a3e-7d0e-4a9b-8d43-2f6c9d1b7a10`,
        'success, also when nothing is in cell0\n  1  not all of them could be sent',
      ),
    );
  command.action((servers: readonly string[], { cause, project, all, ...options }: Options) => {
    const narrowed = cause !== undefined || project !== undefined;
    if ([servers.length > 0, narrowed, all].filter(Boolean).length !== 1) {
      command.error('error: say which servers: their ids, or --cause and --project, or --all');
    }
    const choice: Choice = { servers: servers.length > 0 ? servers : null, project: project ?? null, cause: cause ?? null };
    const dryRun = options.dryRun ?? false;
    if (!dryRun && 'database' in target(options)) {
      throw new NoDeployment('API_DATABASE says where a database is, not where its workflows are; say --stage or --data-dir');
    }
    return perform(options, (api, deployment) => reschedule(api, deployment, choice, dryRun));
  });
}

function serverIds(text: string, before: readonly string[] = []): string[] {
  if (!isUuid(text)) throw new InvalidArgumentError('It takes ids of servers; "cellzero buried --servers" lists them.');
  return [...new Set([...before, text.toLowerCase()])];
}

/** In seconds: longer than the command takes from what it sends to its end. */
const inAnyCase = 240;

async function reschedule(api: Database, deployment: Deployment, choice: Choice, dryRun: boolean): Promise<Outcome> {
  let seen = 0;
  const servers = await rescheduleBuried(api, choice, {
    dryRun,
    // Whatever becomes of this process, the reaper takes on what it has sent.
    before: async () => void (await deployment.wakeReaper(inAnyCase)),
    progress: (some) => {
      seen += some.length;
      progress(`${seen} servers`);
    },
  }).finally(() => progress(''));
  const sent = servers.some(({ outcome }) => outcome === 'sent');
  const woken = sent && (await deployment.wakeReaper());
  const done = servers.every(({ outcome }) => outcome === 'sent' || (dryRun && outcome === 'buried'));
  const next = !sent ? '' : woken ? '"cellzero explain <server>" shows what becomes of one.' : 'They are booted when the deployment runs.';
  return { json: servers, text: () => rescheduledText(servers, next), code: done ? exitCodes.success : exitCodes.failure };
}

const outcomes: Readonly<Record<Rescheduled['outcome'], string>> = {
  sent: 'sent',
  buried: 'would be sent',
  changed: 'was changed or deleted meanwhile; try again',
  waiting: 'is on its way into a cell',
  elsewhere: 'is in another cell',
  deleted: 'is deleted',
  'not found': 'not found',
};

function rescheduledText(servers: readonly Rescheduled[], next: string): string {
  if (servers.length === 0) return 'Nothing like that is in cell0.';
  const rows = servers.map(({ server, name, project, cause, outcome }) => [
    server,
    name ?? '',
    project ?? '',
    cause ?? '',
    outcomes[outcome],
  ]);
  return [table(['Server', 'Name', 'Project', 'First cause', 'Outcome'], rows), next].filter((text) => text !== '').join('\n\n');
}
