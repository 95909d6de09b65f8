/** Reads PostgreSQL's text form of an array: `{1,NULL,"a \"quoted\" text"}`. */

/** Returns the elements of an array of one dimension, as texts; undefined when it has more dimensions. */
export function parseArray(text: string): (string | null)[] | undefined {
  if (!text.startsWith('{')) return undefined;
  const inside = text.slice(1, -1);
  if (inside.startsWith('{')) return undefined;
  if (inside === '') return [];
  return Array.from(inside.matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs), ([, quoted, bare]) => {
    if (quoted !== undefined) return quoted.replace(/\\(.)/gs, '$1');
    return bare === undefined || bare === 'NULL' ? null : bare;
  });
}
