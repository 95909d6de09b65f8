/** `cellzero hosts`: what hosts there are, more simulated ones, taking one out of service, and saying that one is down. */
import { type Command, Option } from 'commander';
import { addHosts, bringUpHost, drainHost, enableHost, forceDownHost, type Host, listHosts } from '../../compute/hosts/hosts.ts';
import { defaultHostResources } from '../../compute/hosts/simulated-hosts.ts';
import { type CommonOptions, group, helpEnd, type Perform, part, wholeNumberFrom } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { table, wrap } from '../output/table.ts';

/** Adds `cellzero hosts`. */
export function addHostCommands(root: Command, perform: Perform): void {
  const hosts = group(
    root,
    'hosts',
    'Lists the hosts with what they have left, adds simulated ones, takes one out of service or puts it back, and says that one is down or up.',
  )
    .summary('list hosts, add simulated ones, drain, enable or force down one')
    .addHelpText('after', '\n"cellzero hosts" alone lists them; "cellzero hosts <command> --help" explains a command.');
  addList(hosts, perform);
  addAdd(hosts, perform);
  addDrain(hosts, perform);
  addEnable(hosts, perform);
  addForceDown(hosts, perform);
  addUp(hosts, perform);
}

function addList(hosts: Command, perform: Perform): void {
  part(hosts, 'list', { isDefault: true })
    .summary('list hosts with what is used of what they have')
    .description(
      'Lists the hosts with what is used of what they have. Only cells with a host that is disabled or forced down are asked for the reason, and woken for that if they sleep.',
    )
    .option('--cell <name>', 'only those of this cell')
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero hosts
  cellzero hosts --cell cell1
  cellzero hosts --json | jq -r '.[] | select(.pickable | not) | .host'`,
        'success\n  1  cell not found',
      ),
    )
    .action((options: CommonOptions & { cell?: string }) =>
      perform(options, async (api) => {
        const found = await listHosts(api, options.cell ?? null);
        return { json: found, text: () => hostsText(found), code: exitCodes.success };
      }),
    );
}

/** Of a column of the databases. */
const largest = 2 ** 31 - 1;
/** What one statement is sent with. */
const mostHosts = 1_000;

interface NewHosts extends CommonOptions {
  count: number;
  vcpus: number;
  memoryMb: number;
  diskGb: number;
}

function addAdd(hosts: Command, perform: Perform): void {
  const size = (flags: string, description: string, usual: number) =>
    new Option(flags, description).argParser(wholeNumberFrom(1, largest)).default(usual);
  part(hosts, 'add')
    .summary('add simulated hosts to a cell')
    .description(
      'Adds simulated hosts to a cell. New servers come to them at once. Their names go on from those that are there: cell1-host3, ….',
    )
    .argument('<cell>', 'name of the cell')
    .addOption(new Option('--count <number>', 'how many').argParser(wholeNumberFrom(1, mostHosts)).default(1))
    .addOption(size('--vcpus <number>', 'vCPUs of each', defaultHostResources.VCPU))
    .addOption(size('--memory-mb <mib>', 'MiB of memory of each', defaultHostResources.MEMORY_MB))
    .addOption(size('--disk-gb <gib>', 'GiB of disk of each', defaultHostResources.DISK_GB))
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero hosts add cell1
  cellzero hosts add cell2 --count 10 --vcpus 64 --memory-mb 262144 --disk-gb 4000`,
        'success\n  1  cell not found, or it is cell0, which has no hosts',
      ),
    )
    .action((cell: string, options: NewHosts) =>
      perform(options, async (api) => {
        const total = { VCPU: options.vcpus, MEMORY_MB: options.memoryMb, DISK_GB: options.diskGb };
        const added = await addHosts(api, cell, options.count, total);
        return {
          json: added.map((host) => ({ host, cell, ...total })),
          text: () => `Added to ${cell}: ${added.join(', ')}.`,
          code: exitCodes.success,
        };
      }),
    );
}

function addDrain(hosts: Command, perform: Perform): void {
  part(hosts, 'drain')
    .summary('take a host out of service: no new server comes to it')
    .description(
      `Takes a host out of service as "openstack compute service set --disable" does: no new server comes to it from now on, also none whose build failed elsewhere. Its servers stay until somebody deletes them.`,
    )
    .argument('<host>', 'name of the host')
    .addOption(new Option('--reason <text>', 'why, for the next operator'))
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero hosts drain cell1-host1 --reason "disk is failing"
  cellzero hosts --json | jq '.[] | select(.host == "cell1-host1").servers'   # until it is 0`,
        'success, also when it was disabled before\n  1  not found',
      ),
    )
    .action((host: string, options: CommonOptions & { reason?: string }) =>
      perform(options, async (api) => {
        const { cell, servers } = await drainHost(api, host, options.reason ?? null);
        return { json: { host, cell, enabled: false, servers }, text: () => disabledText(host, cell, servers), code: exitCodes.success };
      }),
    );
}

function addEnable(hosts: Command, perform: Perform): void {
  part(hosts, 'enable')
    .summary('put a host back into service')
    .description('Puts a host back into service: new servers come to it again.')
    .argument('<host>', 'name of the host')
    .addHelpText('after', helpEnd('  cellzero hosts enable cell1-host1', 'success, also when it was enabled before\n  1  not found'))
    .action((host: string, options: CommonOptions) =>
      perform(options, async (api) => {
        const { cell, servers, service } = await enableHost(api, host);
        const down = service?.forced_down ?? false;
        return {
          json: { host, cell, enabled: !down, servers },
          text: () => (down ? `${host} of ${cell} is enabled, but still forced down.` : `${host} of ${cell} is back in service.`),
          code: exitCodes.success,
        };
      }),
    );
}

function addForceDown(hosts: Command, perform: Perform): void {
  part(hosts, 'force-down')
    .summary('say that a host is down')
    .description(
      'Says that a host is down, as "openstack compute service set --down" does: no new server comes to it, its servers show host_status DOWN, and builds that it has begun move to another host. What it may still run of them is ended when it is up again. Its other servers stay.',
    )
    .argument('<host>', 'name of the host')
    .addHelpText(
      'after',
      helpEnd('  cellzero hosts force-down cell1-host1', 'success, also when it was forced down before\n  1  not found'),
    )
    .action((host: string, options: CommonOptions) =>
      perform(options, async (api, deployment) => {
        const { cell, servers } = await forceDownHost(api, host);
        const woken = await deployment.wakeReaper();
        return {
          json: { host, cell, forced_down: true, servers },
          text: () => `${host} of ${cell} is forced down. Builds that it has begun move to another host${woken ? '' : atNextReap}.`,
          code: exitCodes.success,
        };
      }),
    );
}

function addUp(hosts: Command, perform: Perform): void {
  part(hosts, 'up')
    .summary('say that a host which was forced down is up')
    .description(
      'Says that a host which was forced down is up, as "openstack compute service set --up" does. What it still runs of servers that have left it meanwhile it is asked to end.',
    )
    .argument('<host>', 'name of the host')
    .addHelpText('after', helpEnd('  cellzero hosts up cell1-host1', 'success, also when it was not forced down\n  1  not found'))
    .action((host: string, options: CommonOptions) =>
      perform(options, async (api, deployment) => {
        const { cell, servers, service } = await bringUpHost(api, host);
        const woken = await deployment.wakeReaper();
        const state = service?.disabled ? 'up, but still disabled' : 'up';
        return {
          json: { host, cell, forced_down: false, enabled: !service?.disabled, servers },
          text: () => `${host} of ${cell} is ${state}. What it runs of servers that left it is ended${woken ? '' : atNextReap}.`,
          code: exitCodes.success,
        };
      }),
    );
}

/** Where the reaper could not be woken. */
const atNextReap = ' when the reaper runs next';

function disabledText(host: string, cell: string, servers: number): string {
  const left =
    servers === 0
      ? 'No server is there.'
      : `${servers} ${servers === 1 ? 'server is' : 'servers are'} still there, and stay:
  openstack --os-cloud cellzero-admin server list --all-projects --host ${host}`;
  return `${host} of ${cell} is disabled: no new server comes to it. ${left}`;
}

/** Returns hosts as a person reads them. */
function hostsText(hosts: readonly Host[]): string {
  if (hosts.length === 0) return 'There are no hosts. "cellzero hosts add <cell>" adds simulated ones.';
  const rows = hosts.map(({ host, cell, zone, capacity, servers, reason, ...state }) => [
    host,
    cell,
    zone,
    status(state),
    ...[capacity.VCPU, capacity.MEMORY_MB, capacity.DISK_GB].map(({ used, total }) => `${used} of ${total}`),
    String(servers),
    wrap(reason ?? '', 40),
  ]);
  const free = hosts.filter(({ pickable }) => pickable).length;
  return `${table(['Host', 'Cell', 'Zone', 'Status', 'vCPUs used', 'MiB of memory used', 'GiB of disk used', 'Servers', 'Reason'], rows)}

${hosts.length} ${hosts.length === 1 ? 'host' : 'hosts'}, ${free} of them may be picked for new servers.`;
}

function status({ enabled, forced_down, pickable }: Pick<Host, 'enabled' | 'forced_down' | 'pickable'>): string {
  if (forced_down) return 'forced down';
  if (!enabled) return 'disabled';
  return pickable ? 'enabled' : 'cell disabled';
}
