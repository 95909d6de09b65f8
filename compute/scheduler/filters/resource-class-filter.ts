/** Resources that the flavor asks for by class, as Placement has them: `resources:CUSTOM_GPU=1`, or with the name of a group before the colon. */
import { resourceClasses } from '../../../database/api/hosts/allocations.ts';
import type { HostClassFilter } from './index.ts';

const known: ReadonlySet<string> = new Set(resourceClasses);

/** No host has an inventory of another class than those that every server takes some of. */
export const resourceClassFilter: HostClassFilter = {
  name: 'ResourceClass',
  rejectionReason(_, { flavor }) {
    for (const [key, amount] of Object.entries(flavor.extra_specs)) {
      const [, resourceClass] = /^resources[a-zA-Z0-9_-]*:(\w+)$/.exec(key) ?? [];
      if (resourceClass !== undefined && !known.has(resourceClass) && Number(amount) !== 0) return `there is no ${resourceClass}`;
    }
    return undefined;
  },
};
