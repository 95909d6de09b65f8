/** Objects with any keys, as schemas. zod's own leave the key `__proto__` out, without a word: here it is a key like the others. */
import * as z from 'zod';

/** Returns the schema of an object whose values are all of one schema, and its keys of one form. */
export function record<Value extends z.ZodType>(value: Value, key = /^/) {
  const entries = z
    .map(z.string(), value)
    .check(({ value: map, issues }) => {
      const wrong = [...map.keys()].find((name) => !key.test(name));
      if (wrong !== undefined) issues.push({ code: 'invalid_key', origin: 'record', path: [wrong], issues: [], input: map });
    })
    .transform((map): Record<string, z.output<Value>> => Object.fromEntries(map));
  return z.preprocess((input) => (isObject(input) ? new Map(Object.entries(input)) : input), entries);
}

/** A name for `__proto__` that no client can set as a key: no text with NUL passes the parser of bodies. */
const standIn = '\0__proto__';

/** Returns the schema of an object with these fields, and with others of any kind. */
export function looseObject<Shape extends z.ZodRawShape>(shape: Shape) {
  const object = z.looseObject(shape).transform((value): Record<string, unknown> => renamed(value, standIn, '__proto__'));
  return z.preprocess((input) => (isObject(input) ? renamed(input, '__proto__', standIn) : input), object);
}

function isObject(input: unknown): input is object {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function renamed(object: object, from: string, to: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key === from ? to : key, value]));
}
