/** Values of parameters as the Data API takes them: each has a type of its own, and a text is a text unless a hint says otherwise. */

import * as z from 'zod';
import { dataApiError } from './errors.ts';
import type { BoundValue } from './statement.ts';

/** A named parameter of a request. */
export const sqlParameter = z.object({
  name: z.string(),
  typeHint: z.enum(['DATE', 'DECIMAL', 'JSON', 'TIME', 'TIMESTAMP', 'UUID']).optional(),
  value: z
    .object({
      arrayValue: z.unknown().optional(),
      blobValue: z.base64().optional(),
      booleanValue: z.boolean().optional(),
      doubleValue: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])]).optional(),
      isNull: z.boolean().optional(),
      longValue: z.int().optional(),
      stringValue: z.string().optional(),
    })
    .optional(),
});

type SqlParameter = z.infer<typeof sqlParameter>;

const hinted = { DATE: 'date', DECIMAL: 'numeric', JSON: 'jsonb', TIME: 'time', TIMESTAMP: 'timestamp', UUID: 'uuid' } as const;

/**
 * Returns the values of parameters by name.
 * @throws AwsError (BadRequestException) for an array, which the Data API takes in results only, and for a parameter without a value.
 */
export function boundValues(parameters: readonly SqlParameter[]): ReadonlyMap<string, BoundValue> {
  return new Map(parameters.map((parameter) => [parameter.name, boundValue(parameter)]));
}

function boundValue({ name, typeHint, value = {} }: SqlParameter): BoundValue {
  const type = typeHint && hinted[typeHint];
  if (value.isNull) return { type, text: null };
  if (value.stringValue !== undefined) return { type: type ?? 'text', text: value.stringValue };
  if (value.longValue !== undefined) return { type: 'bigint', text: String(value.longValue) };
  if (value.booleanValue !== undefined) return { type: 'boolean', text: String(value.booleanValue) };
  if (value.doubleValue !== undefined) return { type: 'float8', text: String(value.doubleValue) };
  if (value.blobValue !== undefined) {
    return { type: 'bytea', text: `\\x${Buffer.from(value.blobValue, 'base64').toString('hex')}` };
  }
  if (value.arrayValue !== undefined) throw dataApiError('BadRequestException', 'Array parameters are not supported.');
  throw dataApiError('BadRequestException', `Parameter ${name} has no value.`);
}
