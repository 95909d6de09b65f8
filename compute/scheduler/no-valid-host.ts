/**
 * Why a request found no host. The first line of the message is Nova's sentence, which the tenant reads; the lines below are for the admin, who has
 * asked Nova for them for years: how many hosts each step left over, and how short each resource was on the nearest host.
 */
import { type Resources, resourceClasses, type SchedulingState } from '../../database/api/placement.ts';

/** The scheduler found no place for the servers of a request. */
export class NoValidHost extends Error {
  override name = 'NoValidHost';
}

/** No host has room for one server (nova-facts 1.2: the sentence ends in a space). */
const noCandidates = 'No valid host was found. ';
/** Hosts have room, but not for all servers of the request. */
const notEnough = 'No valid host was found. There are not enough hosts available.';

/** Explains why servers that each need so much found no host in this state. */
export function explainNoValidHost(state: SchedulingState, need: Resources, servers: number): NoValidHost {
  const lines = [
    `Asked: ${servers} ${servers === 1 ? 'server' : 'servers'} with ${amounts(need)}${servers === 1 ? '' : ' each'}.`,
    `Hosts in enabled cells: ${state.hostCount}.`,
    `ComputeFilter: ${state.enabledCount} of ${state.hostCount} hosts pass.`,
    `Placement: ${state.hosts.length} of ${state.enabledCount} hosts have room for one.`,
  ];
  if (state.hosts.length > 0) {
    lines.push(`First cause: too few hosts. Those with room do not hold all ${servers} at once.`);
    return new NoValidHost([notEnough, ...lines].join('\n'));
  }
  const short = resourceClasses
    .map((resource) => ({ resource, nearest: state.most[resource]?.free ?? 0, suffices: state.most[resource]?.suffices ?? 0 }))
    .filter(({ resource, nearest, suffices }) => nearest < need[resource] || suffices < state.enabledCount)
    .sort((a, b) => a.suffices - b.suffices);
  for (const { resource, nearest, suffices } of short) {
    const missing = need[resource] - nearest;
    const gap = missing > 0 ? `${missing} short` : 'enough, but not together with the rest';
    lines.push(`${resource}: ${suffices} of ${state.enabledCount} hosts suffice; the nearest has ${nearest} free, ${gap}.`);
  }
  const cause = state.hostCount === 0 ? 'no hosts' : state.enabledCount === 0 ? 'ComputeFilter' : (short[0]?.resource ?? 'Placement');
  lines.push(`First cause: ${cause}.`);
  return new NoValidHost([noCandidates, ...lines].join('\n'));
}

function amounts(need: Resources): string {
  return resourceClasses.map((resource) => `${resource} ${need[resource]}`).join(', ');
}
