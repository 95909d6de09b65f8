/** `cellzero cell_v2`: nova-manage's commands about cells. */
import type { Command } from 'commander';
import { asNova, group, type Perform } from '../../command.ts';
import { addCells } from './cells.ts';
import { addHosts } from './hosts.ts';
import { addInstances } from './instances.ts';
import { addSetup } from './setup.ts';

/** Adds the group with its parts. */
export function addCellV2(root: Command, perform: Perform): void {
  const cellV2 = group(root, 'cell_v2', 'manage cells, their hosts and their servers, as "nova-manage cell_v2"');
  const asNovaDoes = asNova(perform);
  addSetup(cellV2, asNovaDoes);
  addCells(cellV2, asNovaDoes);
  addHosts(cellV2, asNovaDoes);
  addInstances(cellV2, asNovaDoes);
}
