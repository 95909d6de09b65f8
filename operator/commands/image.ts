/** `cellzero image`: what there is to boot from. Clients can look images up, but not change them. */
import { type Command, Option } from 'commander';
import type { NewImage } from '../../database/api/images.ts';
import { changeImage, createImage, deleteImage } from '../../image/images.ts';
import { type CommonOptions, entityName, group, helpEnd, type Perform, part, wholeNumber } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { contentOf, readableFile } from '../options/image-file.ts';
import { setProperty, unsetProperty } from '../options/property-option.ts';
import { table } from '../output/table.ts';

const diskFormats = ['qcow2', 'raw', 'iso', 'vmdk', 'vhd', 'vhdx', 'vdi', 'ploop', 'ami', 'ari', 'aki'];

/** The options of what a server needs to boot from an image. */
interface Needs {
  minDisk?: number;
  minRam?: number;
}

interface NewImageOptions extends CommonOptions, Needs {
  diskFormat: string;
  file?: string;
  project?: string;
  property?: Record<string, string>;
}

/** Adds `cellzero image`. */
export function addImage(root: Command, perform: Perform): void {
  const image = group(
    root,
    'image',
    'Manages what there is to boot from. An image is a record of what a server needs; hosts are simulated, so its bits are not kept.',
  )
    .summary('create, change or delete images')
    .addHelpText('after', '\n"openstack image list" and "openstack image show <image>" show what images there are.');
  addCreate(image, perform);
  addSet(image, perform);
  addUnset(image, perform);
  addDelete(image, perform);
}

function addCreate(image: Command, perform: Perform): void {
  needs(part(image, 'create').summary('make an image').argument('<name>', 'name of the image', entityName))
    .description('Makes an image that can be booted at once.')
    .addOption(new Option('--file <file>', 'takes its size and its hashes; the file itself stays where it is').argParser(readableFile))
    .addOption(new Option('--disk-format <format>', 'how its bits are laid out').choices(diskFormats).default('qcow2'))
    .option('--project <name>', 'the one project that sees it; everyone does when not given')
    .addOption(setProperty('a property, as often as needed'))
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero image create debian-13 --file debian-13-generic-amd64.qcow2 --min-disk 3
  cellzero image create debian-13-arm --property hw_architecture=aarch64 --project web`,
        'success\n  1  project not found, or a property is refused',
      ),
    )
    .action((name: string, options: NewImageOptions) =>
      perform(options, async (api) => {
        const { project = null, minDisk = 0, minRam = 0, diskFormat, property: properties = {}, file } = options;
        const content = file === undefined ? {} : { content: await contentOf(file) };
        const made = await createImage(api, { name, project, minDisk, minRam, diskFormat, properties, ...content });
        return { json: made, text: () => imageTable(made), code: exitCodes.success };
      }),
    );
}

function addSet(image: Command, perform: Perform): void {
  needs(part(image, 'set').summary('change what an image needs, or its properties').argument('<image>', 'its id or its name'))
    .description(
      'Changes what an image needs, or sets its properties. The scheduler heeds trait:NAME, hw_architecture, img_hv_type and hw_vm_mode.',
    )
    .addOption(setProperty('a property, as often as needed'))
    .addHelpText('after', helpEnd('  cellzero image set debian-13 --min-disk 5 --property trait:CUSTOM_FAST=required', endings))
    .action((name: string, options: CommonOptions & Needs & { property?: Record<string, string> }, command: Command) => {
      const { minDisk, minRam, property } = options;
      if (minDisk === undefined && minRam === undefined && !property) command.error('error: --min-disk, --min-ram or --property is needed');
      const change = {
        ...(minDisk !== undefined && { minDisk }),
        ...(minRam !== undefined && { minRam }),
        ...(property && { properties: property }),
      };
      return perform(options, async (api) => {
        const changed = await changeImage(api, name, change);
        return { json: changed, text: () => imageTable(changed), code: exitCodes.success };
      });
    });
}

function addUnset(image: Command, perform: Perform): void {
  part(image, 'unset')
    .summary('take properties of an image away')
    .argument('<image>', 'its id or its name')
    .addOption(unsetProperty('key of a property, as often as needed').makeOptionMandatory())
    .addHelpText('after', helpEnd('  cellzero image unset debian-13 --property trait:CUSTOM_FAST', endings))
    .action((name: string, options: CommonOptions & { property: string[] }) =>
      perform(options, async (api) => {
        const changed = await changeImage(api, name, { without: options.property });
        return { json: changed, text: () => imageTable(changed), code: exitCodes.success };
      }),
    );
}

function addDelete(image: Command, perform: Perform): void {
  part(image, 'delete')
    .summary('remove an image')
    .description('Removes an image. Servers that were booted from it stay.')
    .argument('<image>', 'its id or its name')
    .addHelpText('after', helpEnd('  cellzero image delete debian-13', 'success\n  1  not found, or several have the name'))
    .action((name: string, options: CommonOptions) =>
      perform(options, async (api) => {
        const gone = await deleteImage(api, name);
        return { json: gone, text: () => `${gone.name} (${gone.id}) is deleted.`, code: exitCodes.success };
      }),
    );
}

const endings = 'success, also when nothing changed\n  1  not found, several have the name, or a property is refused';

function needs(command: Command): Command {
  return command
    .addOption(new Option('--min-disk <gib>', 'GiB of disk that a flavor must have').argParser(wholeNumber))
    .addOption(new Option('--min-ram <mib>', 'MiB of memory that a flavor must have').argParser(wholeNumber));
}

function imageTable(image: NewImage): string {
  const { id, name, visibility, owner, size, minDisk, minRam, diskFormat, properties } = image;
  const pairs = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  return table(
    ['Field', 'Value'],
    [
      ['id', id],
      ['name', name],
      ['seen by', visibility === 'public' ? 'everyone' : `project ${owner}`],
      ['size', size === null ? 'unknown' : `${size} bytes`],
      ['needs', `${minDisk} GiB of disk, ${minRam} MiB of memory`],
      ['disk format', diskFormat ?? 'unknown'],
      ['properties', pairs.sort().join('\n')],
    ],
  );
}
