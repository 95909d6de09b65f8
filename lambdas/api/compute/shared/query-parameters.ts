/** Forms of query parameters, which come as lists of texts; where Nova takes one of several values, it takes the last. */

import * as z from 'zod';
import { toPostgresPattern } from '../../../../compute/servers/patterns.ts';
import { isoTime } from '../../http/validation/iso-time.ts';
import { pythonText } from '../../http/validation/python-text.ts';
import type { Microversion } from '../microversions.ts';

/** Any texts. */
export const anyText = z.array(z.string()).optional();

/** Regular expressions; an empty one is none. */
export const pattern = texts((value) => value !== '' && toPostgresPattern(value) !== undefined, 'regex');

/** Times of ISO 8601. */
export const time = texts((value) => isoTime(value) !== undefined, 'date-time');

/** The number of items of a page. */
export const limit = z
  .array(
    z
      .string()
      .min(1)
      .regex(/^[0-9]*$/),
  )
  .optional();

/** A parameter that is said once. */
export function one<Schema extends z.ZodOptional<z.ZodArray>>(schema: Schema) {
  return schema.refine((values) => !values || values.length <= 1, 'has more than one value');
}

/** Texts that are all of a format. */
function texts(isValid: (value: string) => boolean, format: string) {
  const error = ({ input }: { input?: unknown }) => `${pythonText(String(input).slice(0, 100))} is not a '${format}'`;
  return z.array(z.string().refine(isValid, { error })).optional();
}

/** Returns a schema that refuses parameters it does not list; before requests were strict, it drops them. */
export function parameters<Shape extends z.ZodRawShape>(microversion: Microversion, shape: Shape) {
  return microversion.has('strictRequests') ? z.strictObject(shape) : z.object(shape);
}
