const form = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Tells whether a text has the form of a uuid, so that a database may be asked for it. */
export function isUuid(text: string): boolean {
  return form.test(text);
}
