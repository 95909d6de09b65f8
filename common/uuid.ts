import { createHash } from 'node:crypto';

const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Returns whether a text has the form of a uuid, so that a database may be asked for it. */
export function isUuid(text: string): boolean {
  return form.test(text);
}

/** A uuid that follows from a name, so that what is deployed again keeps its own. */
export function namedUuid(name: string): string {
  const hex = createHash('sha256').update(`cellzero ${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
