/**
 * Amounts that a flavor asks for by class, as Nova reads them: `resources:VCPU=4`, or with the name of a group before the colon, whose amounts are added up.
 * What names no class, or is no whole number, is passed over. They take the place of what follows from the flavor itself; quotas go by the flavor.
 */
import { type Resources, resourceClasses } from '../../database/api/hosts/allocations.ts';

/** More than any host has; Placement's amounts are no larger. */
const largestAmount = 2 ** 31 - 1;

/** Returns the amounts by class; 0 of a class is an amount, too. */
export function requestedResources(extraSpecs: Readonly<Record<string, string>>): Map<string, number> {
  const amounts = new Map<string, number>();
  for (const [key, value] of Object.entries(extraSpecs)) {
    const [, resourceClass] = /^resources[a-zA-Z0-9_-]{0,64}:([A-Z0-9_]+)$/.exec(key) ?? [];
    if (resourceClass === undefined || !/^\s*\+?\d+\s*$/.test(value)) continue;
    amounts.set(resourceClass, Math.min((amounts.get(resourceClass) ?? 0) + Number(value), largestAmount));
  }
  return amounts;
}

/** Returns those amounts that a server takes of every host. */
export function overriddenResources(extraSpecs: Readonly<Record<string, string>>): Partial<Resources> {
  const asked = requestedResources(extraSpecs);
  return Object.fromEntries(
    resourceClasses.flatMap((resourceClass) => (asked.has(resourceClass) ? [[resourceClass, asked.get(resourceClass)]] : [])),
  );
}
