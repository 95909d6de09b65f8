/** Soft affinity: the more members of the group are on the host, the better. */
import type { Weigher } from './index.ts';

export const softAffinityWeigher: Weigher = {
  name: 'soft_affinity',
  weight: ({ members }, { group }) => (group?.policy === 'soft-affinity' ? members : 0),
};
