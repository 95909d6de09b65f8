/** OpenStack's messages show values as Python prints them. */

/** Deeper values are left out: messages are cut long before, and how deep a function may call itself varies with what V8 has made of it. */
const deepest = 100;

/** Returns a JSON value as Python's `repr` would; what is nested deeper than 100 levels as `…`. */
export function pythonText(value: unknown): string {
  return textAt(value, 0);
}

function textAt(value: unknown, depth: number): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quoted(value.replaceAll('\\', '\\\\'));
  if (typeof value !== 'object') return String(value);
  if (depth > deepest) return '…';
  const inner = (item: unknown) => textAt(item, depth + 1);
  if (Array.isArray(value)) return `[${value.map(inner).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${inner(key)}: ${inner(item)}`)
    .join(', ')}}`;
}

function quoted(text: string): string {
  return text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replaceAll("'", "\\'")}'`;
}
