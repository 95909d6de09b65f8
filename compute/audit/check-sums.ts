/** Checks what is counted in the api database, and what follows from other rows. */
import {
  type CapacityFault,
  listCapacityFaults,
  listGroupFaults,
  listHostStateFaults,
  listQuotaFaults,
  type QuotaFault,
} from '../../database/api/audit/sums.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type Finding, finding } from './findings.ts';

/** Returns the findings about capacity, quotas and server groups. */
export async function checkSums(api: Database): Promise<Finding[]> {
  const [capacity, states, quota, members] = await Promise.all([
    listCapacityFaults(api),
    listHostStateFaults(api),
    listQuotaFaults(api),
    listGroupFaults(api),
  ]);
  return [
    ...capacity.flatMap(checkCapacity),
    ...states.map(({ host }) =>
      finding('host-state-drift', { host }, `The scheduler's row of ${host} is not what placement and the cells say.`),
    ),
    ...quota.map(checkQuota),
    ...members.map(({ server, group }) =>
      finding('stale-group-member', { server, group }, 'The server group has a member that is not a living server.'),
    ),
  ];
}

function checkCapacity({ host, resource, used, capacity, allocated }: CapacityFault): Finding[] {
  const findings: Finding[] = [];
  const ids = { host, resource };
  if (used === null) {
    findings.push(finding('inventory-drift', ids, `${allocated} of ${resource} are allocated on ${host}, which has no inventory of it.`));
  } else if (used !== allocated) {
    findings.push(
      finding('inventory-drift', ids, `${host} counts ${used} of ${resource} as used, but its allocations add up to ${allocated}.`),
    );
  }
  const most = Math.max(used ?? 0, allocated);
  if (capacity !== null && most > capacity) {
    findings.push(finding('overbooked', ids, `${most} of ${resource} are used on ${host}, which has ${capacity}.`));
  }
  return findings;
}

function checkQuota({ project, used, counted }: QuotaFault): Finding {
  const amounts = ({ instances, cores, ram }: QuotaFault['counted']) => `${instances} servers, ${cores} cores and ${ram} MiB`;
  const counts = used ? `counts ${amounts(used)} as used` : 'has no row of what it uses';
  return finding('quota-drift', { project }, `The project ${counts}, but its servers add up to ${amounts(counted)}.`);
}
