/** Resources that the flavor asks for by class, as Placement has them. */
import { resourceClasses } from '../../../database/api/hosts/allocations.ts';
import { requestedResources } from '../requested-resources.ts';
import type { HostClassFilter } from './index.ts';

const known: ReadonlySet<string> = new Set(resourceClasses);

/** No host has an inventory of another class than those that a server may take some of. */
export const resourceClassFilter: HostClassFilter = {
  name: 'ResourceClass',
  rejectionReason(_, { flavor }) {
    const asked = requestedResources(flavor.extra_specs);
    const [unknown] = [...asked].find(([resourceClass, amount]) => !known.has(resourceClass) && amount > 0) ?? [];
    return unknown && `there is no ${unknown}`;
  },
};
