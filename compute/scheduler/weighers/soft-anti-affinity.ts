/** Soft anti-affinity: the fewer members of the group are on the host, the better. */
import type { Weigher } from './index.ts';

export const softAntiAffinityWeigher: Weigher = {
  name: 'soft_anti_affinity',
  weight: ({ members }, { group }) => (group?.policy === 'soft-anti-affinity' ? -members : 0),
};
