/** Anti-affinity: a host holds one member of the group, or as many as the rule `max_server_per_host` says. */
import type { GroupFilter } from './index.ts';

export const serverGroupAntiAffinityFilter: GroupFilter = {
  name: 'ServerGroupAntiAffinityFilter',
  rejectionReason({ members }, { policy, mostPerHost }) {
    if (policy !== 'anti-affinity' || members < mostPerHost) return undefined;
    return `${members} of at most ${mostPerHost} members of the group are there`;
  },
};
