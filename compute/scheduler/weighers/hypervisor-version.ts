/** The version of the hypervisor, so that newer hosts fill first and older ones can be retired. */
import type { Weigher } from './index.ts';

export const hypervisorVersionWeigher: Weigher = {
  name: 'hypervisor_version',
  weight: ({ kind }, { kinds }) => Number(kinds.get(kind)?.capabilities.hypervisor_version) || 0,
};
