/** Queries that are read by their service itself. */
import * as z from 'zod';
import type { QueryParameters } from './query.ts';

/** Any parameters, as they are: a schema of objects would lose one named __proto__. */
export const anyParameters = z.custom<QueryParameters>();
