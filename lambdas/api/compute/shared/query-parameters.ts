/** Forms of query parameters, which come as lists of texts; where Nova takes one of several values, it takes the last. */

import * as z from 'zod';
import { toPostgresPattern } from '../../../../compute/servers/patterns.ts';
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

/** Texts that are all of a format. */
function texts(isValid: (value: string) => boolean, format: string) {
  const error = ({ input }: { input?: unknown }) => `${pythonText(String(input).slice(0, 100))} is not a '${format}'`;
  return z.array(z.string().refine(isValid, { error })).optional();
}

/** As lenient as the parser of OpenStack: a date with or without hyphens, down to any part of the time, UTC unless it says otherwise. */
const isoForm = /^(\d{4})(?:-?(\d{2})(?:-?(\d{2})(?:[ T](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?)?)?$/;

/** Returns a time in the form every database reads, or undefined when it is none. */
export function isoTime(value: string): string | undefined {
  const parts = isoForm.exec(value);
  if (!parts) return undefined;
  const [, year, month = '01', day = '01', hour = '00', minute = '00', second = '00', fraction = '0', zone = 'Z'] = parts;
  const offset = zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(3).replace(':', '') || '00'}`;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.slice(0, 3)}${offset}`);
  if (Number.isNaN(date.getTime()) || new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() !== Number(day)) {
    return undefined;
  }
  // The years of Python and of PostgreSQL, in UTC: a zone may lead out of them.
  const inUtc = date.toISOString();
  return /^(?!0000)\d{4}-/.test(inUtc) ? inUtc : undefined;
}

/** Returns a schema that refuses parameters it does not list; before requests were strict, it drops them. */
export function parameters<Shape extends z.ZodRawShape>(microversion: Microversion, shape: Shape) {
  return microversion.has('strictRequests') ? z.strictObject(shape) : z.object(shape);
}
