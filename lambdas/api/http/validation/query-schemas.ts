/** Schemas of query parameters, which come as lists of texts. */
import * as z from 'zod';
import type { QueryParameters } from './query.ts';

/** A parameter of which the last value counts, as in OpenStack's services; optional. */
export const lastValue = z
  .array(z.string())
  .transform((values) => values.at(-1))
  .optional();

/** Any parameters, as they are: a schema of objects would lose one named __proto__. */
export const anyParameters = z.custom<QueryParameters>();
