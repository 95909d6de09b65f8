/** `cellzero flavor`: what the Compute API here does not do to flavors. */
import type { Command } from 'commander';
import { changeFlavor } from '../../compute/flavors/flavors.ts';
import type { Flavor } from '../../database/api/flavors.ts';
import { type CommonOptions, group, helpEnd, type Perform, part } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { setProperty, unsetProperty } from '../options/property-option.ts';
import { table } from '../output/table.ts';

/** Adds `cellzero flavor`. */
export function addFlavor(root: Command, perform: Perform): void {
  const flavor = group(
    root,
    'flavor',
    'Sets extra specs of flavors, and who may use private ones. Servers keep the flavor as it was when they were booted.',
  )
    .summary('set extra specs of flavors, and who may use private ones')
    .addHelpText(
      'after',
      `
The rest is the API's, with the cloud cellzero-admin that "cellzero clouds" prints:
  openstack flavor list --all --long
  openstack flavor create --vcpus 4 --ram 8192 --disk 80 [--private] c4
  openstack flavor delete c4`,
    );
  addSet(flavor, perform);
  addUnset(flavor, perform);
}

const endings = 'success, also when nothing changed\n  1  flavor or project not found, or refused';

function addSet(flavor: Command, perform: Perform): void {
  part(flavor, 'set')
    .summary('set extra specs, or let a project use a private flavor')
    .description(
      'Sets extra specs of a flavor, or lets a project use a private one. The scheduler heeds trait:NAME, which is required or forbidden, and capabilities:…',
    )
    .argument('<flavor>', 'its id or its name')
    .addOption(setProperty('an extra spec, as often as needed'))
    .option('--project <name>', 'let this project use it')
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero flavor set c4 --property trait:CUSTOM_FAST=required
  cellzero flavor set c4 --property capabilities:cpu_info:arch=x86_64 --project web`,
        endings,
      ),
    )
    .action((name: string, options: CommonOptions & { property?: Record<string, string>; project?: string }, command: Command) => {
      const { property: specs, project } = options;
      if (!specs && !project) command.error('error: --property or --project is needed');
      return perform(options, async (api) => {
        const changed = await changeFlavor(api, name, { ...(specs && { specs }), ...(project && { access: { project, allowed: true } }) });
        return { json: changed, text: () => flavorTable(changed), code: exitCodes.success };
      });
    });
}

function addUnset(flavor: Command, perform: Perform): void {
  part(flavor, 'unset')
    .summary('take extra specs away, or a private flavor from a project')
    .description('Takes extra specs of a flavor away, or a private one from a project.')
    .argument('<flavor>', 'its id or its name')
    .addOption(unsetProperty('key of an extra spec, as often as needed'))
    .option('--project <name>', 'let this project use it no more')
    .addHelpText(
      'after',
      helpEnd('  cellzero flavor unset c4 --property trait:CUSTOM_FAST\n  cellzero flavor unset c4 --project web', endings),
    )
    .action((name: string, options: CommonOptions & { property?: string[]; project?: string }, command: Command) => {
      const { property: without, project } = options;
      if (!without && !project) command.error('error: --property or --project is needed');
      return perform(options, async (api) => {
        const changed = await changeFlavor(api, name, {
          ...(without && { without }),
          ...(project && { access: { project, allowed: false } }),
        });
        return { json: changed, text: () => flavorTable(changed), code: exitCodes.success };
      });
    });
}

function flavorTable({ flavorid, name, vcpus, memory_mb, root_gb, is_public, extra_specs }: Flavor): string {
  const properties = Object.entries(extra_specs).map(([key, value]) => `${key}=${value}`);
  return table(
    ['Field', 'Value'],
    [
      ['id', flavorid],
      ['name', name],
      ['size', `VCPU ${vcpus}, MEMORY_MB ${memory_mb}, DISK_GB ${root_gb}`],
      ['public', is_public ? 'yes' : 'no'],
      ['properties', properties.sort().join('\n')],
    ],
  );
}
