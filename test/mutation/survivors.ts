/**
 * Mutants that no test can be asked to catch, with the reason. A mutant is named by its line of source and what it changes; without a change, all of the
 * line's are meant.
 */

/** Why a mutant may survive. */
export interface Survivor {
  /** The line of source, without the white space around it. */
  source: string;
  /** `old → new`, as the table shows it. */
  change?: string;
  reason: string;
}

/** By file. */
export const survivors: Readonly<Record<string, readonly Survivor[]>> = {};
