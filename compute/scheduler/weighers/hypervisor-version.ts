/** The version of the hypervisor, so that newer hosts fill first and older ones can be retired. */
import type { Weigher } from './index.ts';

export const hypervisorVersionWeigher: Weigher = {
  name: 'hypervisor_version',
  weight: ({ hostClass }, { hostClasses }) => Number(hostClasses.get(hostClass)?.capabilities.hypervisor_version) || 0,
};
