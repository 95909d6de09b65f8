/** Scheduler hints: Nova checks the form of those it knows and keeps all others as they come. */
import * as z from 'zod';
import { looseObject, record } from '../../../shared/record.ts';
import { name, uuid } from '../shared/parameters.ts';

const texts = z.union([z.string(), z.array(z.string())]);
const uuids = z.union([uuid, z.array(uuid)]);

/** The schema of the hints beside `server`. */
export const schedulerHints = looseObject({
  group: uuids.optional(),
  different_host: uuids.optional(),
  same_host: z.union([z.string(), z.array(uuid)]).optional(),
  query: z.union([z.string(), record(z.unknown())]).optional(),
  target_cell: name.optional(),
  different_cell: texts.optional(),
  build_near_host_ip: z.union([z.ipv4(), z.ipv6()]).optional(),
  cidr: z
    .string()
    .regex(/^\/[0-9a-f.:]+$/)
    .optional(),
}).optional();

/** Returns the hints as Nova keeps them: each a list of texts, without those that are Nova's own. */
export function hintLists(given: Readonly<Record<string, unknown>>): Record<string, string[]> {
  const kept = Object.entries(given).filter(([key]) => !key.startsWith('_nova'));
  return Object.fromEntries(kept.map(([key, value]) => [key, (Array.isArray(value) ? value : [value]).map(textOf)]));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
