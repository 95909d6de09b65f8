/** Returns a text without what is no text of PostgreSQL: NUL, and half a surrogate pair. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}
