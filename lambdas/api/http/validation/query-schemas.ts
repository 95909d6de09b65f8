/** Schemas of query parameters, which come as lists of texts. */
import * as z from 'zod';

/** A parameter of which the last value counts, as in OpenStack's services; optional. */
export const lastValue = z
  .array(z.string())
  .transform((values) => values.at(-1))
  .optional();
