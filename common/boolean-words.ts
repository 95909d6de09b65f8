/** Yes and no in words, as OpenStack's common library (oslo.utils) reads them. */

/** The words, in lower case. */
export const booleanWords: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'true', 'on', 'y', 'yes'].map((word) => [word, true] as const),
  ...['0', 'f', 'false', 'off', 'n', 'no'].map((word) => [word, false] as const),
]);

/** Returns what a word means, in whatever case and with white space around it; undefined for any other. */
export function readBoolean(word: string): boolean | undefined {
  return booleanWords.get(word.trim().toLowerCase());
}
