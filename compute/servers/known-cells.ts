/**
 * Where servers are, as a warm function has read it: a server that has a live cell stays there, so who asks for it again is answered by its cell in one call.
 * Never remembered is what changes: a server in a build request, or in cell0. What is remembered decides nothing: a cell that does not have the server sends
 * the reader back to the index, and so does time, because a cell may have another database by then. Changes of a server read the index.
 */
import type { InstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { cell0 } from '../cells/cell0.ts';

/** Where a server is, and whose it is. */
export interface KnownCell {
  projectId: string;
  cell: NonNullable<InstanceMapping['cell']>;
}

const most = 10_000;
/** In milliseconds. */
const knownFor = 5 * 60_000;

/** In the order in which they were read. */
const known = new Map<string, KnownCell & { readAt: number }>();

/** Returns where a server is, if it was read in the last five minutes. */
export function knownCell(uuid: string): KnownCell | undefined {
  const entry = known.get(uuid);
  return entry && entry.readAt > Date.now() - knownFor ? entry : undefined;
}

/** Remembers where a server is; undefined forgets it. */
export function rememberCell(uuid: string, mapping: Pick<InstanceMapping, 'projectId' | 'cell'> | undefined): void {
  known.delete(uuid);
  if (!mapping?.cell || mapping.cell.uuid === cell0) return;
  known.set(uuid, { projectId: mapping.projectId, cell: mapping.cell, readAt: Date.now() });
  const [oldest] = known.keys();
  if (known.size > most && oldest !== undefined) known.delete(oldest);
}
