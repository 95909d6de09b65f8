/** Whether what is counted, and what follows from other rows, is right in the api database. */
import {
  listGroupFaults,
  listHostStateFaults,
  listQuotaFaults,
  listRoomFaults,
  type QuotaFault,
  type RoomFault,
} from '../../database/api/audit/sums.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type Finding, finding } from './kinds.ts';

/** Gives everything that is wrong with rooms, quotas and server groups. */
export async function judgeSums(api: Database): Promise<Finding[]> {
  const [room, states, quota, members] = await Promise.all([
    listRoomFaults(api),
    listHostStateFaults(api),
    listQuotaFaults(api),
    listGroupFaults(api),
  ]);
  return [
    ...room.flatMap(judgeRoom),
    ...states.map(({ host }) => finding('host-state-drift', { host }, `What the scheduler believes of ${host} is not so.`)),
    ...quota.map(judgeQuota),
    ...members.map(({ server, group }) =>
      finding('group-member-of-nobody', { server, group }, 'The server group has a member that is no living server.'),
    ),
  ];
}

function judgeRoom({ host, resource, used, capacity, claimed }: RoomFault): Finding[] {
  const findings: Finding[] = [];
  const ids = { host, resource };
  if (used === null) {
    findings.push(finding('inventory-drift', ids, `${claimed} of ${resource} are claimed of ${host}, which has no inventory of it.`));
  } else if (used !== claimed) {
    findings.push(finding('inventory-drift', ids, `${host} counts ${used} of ${resource} as used, but its claims add up to ${claimed}.`));
  }
  const most = Math.max(used ?? 0, claimed);
  if (capacity !== null && most > capacity) {
    findings.push(finding('overbooked', ids, `${most} of ${resource} are taken of ${host}, which has ${capacity}.`));
  }
  return findings;
}

function judgeQuota({ project, used, counted }: QuotaFault): Finding {
  const amounts = ({ instances, cores, ram }: QuotaFault['counted']) => `${instances} servers, ${cores} cores and ${ram} MiB`;
  const counts = used ? `counts ${amounts(used)} as used` : 'has no row of what it uses';
  return finding('quota-drift', { project }, `The project ${counts}, but its servers add up to ${amounts(counted)}.`);
}
