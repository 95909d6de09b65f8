/** `cellzero db` and `cellzero api_db`: nova-manage's commands about databases. */
import type { Command } from 'commander';
import { asNova, group, type Perform } from '../../command.ts';
import { addArchive } from './archive.ts';
import { addPurge } from './purge.ts';
import { addApiSchema, addCellSchemas } from './schema.ts';

/** Adds both groups with their parts. */
export function addDb(root: Command, perform: Perform): void {
  const db = group(root, 'db', 'manage the databases of cell0 and all cells, as "nova-manage db"');
  addCellSchemas(db, asNova(perform));
  addArchive(db, asNova(perform));
  addPurge(db, asNova(perform));
  addApiSchema(group(root, 'api_db', 'manage the api database, as "nova-manage api_db"'), asNova(perform));
}
