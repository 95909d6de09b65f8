/** Nova's default limits, and its sentence for a request that passes them. */
import type { Accepted } from '../database/api/build-requests.ts';
import type { QuotaResource } from '../database/api/quotas.ts';
import { Forbidden } from './errors.ts';

/** What a project may use when it has no limits of its own; ram in MiB (nova-facts 7). */
export const defaultLimits: Readonly<Record<QuotaResource, number>> = { instances: 10, cores: 20, ram: 51_200 };

/** Limits on what one server carries. */
export const itemLimits = { metadataItems: 128, tags: 50 } as const;

const order: readonly QuotaResource[] = ['instances', 'cores', 'ram'];

/** Tells which limits the least of a request passes: `Quota exceeded for cores, ram: Requested 8, 1 but already used …`. */
export function quotaExceeded({ limits, used }: Accepted, requested: Record<QuotaResource, number>): Forbidden {
  const over = order.filter((resource) => limits[resource] >= 0 && used[resource] + requested[resource] > limits[resource]);
  const list = (values: Record<QuotaResource, number>) => over.map((resource) => values[resource]).join(', ');
  return new Forbidden(
    `Quota exceeded for ${over.join(', ')}: Requested ${list(requested)}, but already used ${list(used)} of ${list(limits)} ${over.join(', ')}`,
  );
}
