/** Nova's default limits, and its sentence for a request that passes them. */

import { Forbidden } from '../../common/errors.ts';
import type { QuotaResource } from '../../database/api/quotas.ts';
import type { Accepted } from '../../database/api/servers/accept-servers.ts';

/** What a project may use when it has no limits of its own; ram in MiB (nova-facts 7). */
export const defaultLimits: Readonly<Record<QuotaResource, number>> = { instances: 10, cores: 20, ram: 51_200 };

/** The order of Nova's sentence. */
const order = ['cores', 'instances', 'ram'] as const satisfies readonly QuotaResource[];

/**
 * Returns which limits a request passes, in Nova's sentence: `Quota exceeded for cores, ram: Requested 8, 4096, but already used …`.
 * What is requested is the most asked for; Nova writes a range of instances when the least is less.
 * @returns undefined when the request passes no limit.
 */
export function quotaExceeded(
  { limits, used }: Pick<Accepted, 'limits' | 'used'>,
  flavor: { vcpus: number; memory_mb: number },
  minCount: number,
  maxCount: number,
): Forbidden | undefined {
  const least = sizeOf(minCount, flavor);
  const most = sizeOf(maxCount, flavor);
  const passes = (asked: Record<QuotaResource, bigint>) => (resource: QuotaResource) =>
    limits[resource] >= 0 && BigInt(used[resource]) + asked[resource] > limits[resource];
  if (!order.some(passes(least))) return undefined;
  const requested = { ...most, instances: minCount === maxCount ? minCount : `${minCount}-${maxCount}` };
  return exceeded(order.filter(passes(most)), requested, { limits, used });
}

/** Returns which limits a server passes that grows by so much, in the same sentence; undefined when it passes none. */
export function growthExceeded(
  { limits, used }: Pick<Accepted, 'limits' | 'used'>,
  growth: { cores: number; ram: number },
): Forbidden | undefined {
  const requested = { ...growth, instances: 0 };
  const over = order.filter(
    (resource) => requested[resource] > 0 && limits[resource] >= 0 && used[resource] + requested[resource] > limits[resource],
  );
  return over.length > 0 ? exceeded(over, requested, { limits, used }) : undefined;
}

type Amounts = Readonly<Record<QuotaResource, bigint | number | string>>;

function exceeded(over: readonly QuotaResource[], requested: Amounts, { limits, used }: Pick<Accepted, 'limits' | 'used'>): Forbidden {
  const list = (values: Amounts) => over.map((resource) => values[resource]).join(', ');
  return new Forbidden(
    `Quota exceeded for ${over.join(', ')}: Requested ${list(requested)}, but already used ${list(used)} of ${list(limits)} ${over.join(', ')}`,
  );
}

/** Exact, whatever is asked for: the sentence has it to the digit. */
function sizeOf(count: number, { vcpus, memory_mb }: { vcpus: number; memory_mb: number }): Record<QuotaResource, bigint> {
  const servers = BigInt(count);
  return { instances: servers, cores: servers * BigInt(vcpus), ram: servers * BigInt(memory_mb) };
}
