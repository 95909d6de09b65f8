/** Affinity: the first member of the group may go anywhere, the others go where it is. */
import type { GroupFilter } from './index.ts';

export const serverGroupAffinityFilter: GroupFilter = {
  name: 'ServerGroupAffinityFilter',
  rejectionReason({ members }, { policy, placed }) {
    if (policy !== 'affinity' || placed === 0 || members > 0) return undefined;
    return 'the group is on another host';
  },
};
