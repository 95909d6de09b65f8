/** A part of the mutants, for when all of them take too long. */
import { createHash } from 'node:crypto';
import type { Place } from './campaign.ts';

/** Returns what says whether a mutant is tried: one in n, chosen by a hash of where it is and what it changes, so always the same ones. */
export function inSample(oneIn: number): (place: Place) => boolean {
  return ({ file, source, change }) => createHash('sha256').update(`${file}\n${source}\n${change}`).digest().readUInt32BE() % oneIn === 0;
}
