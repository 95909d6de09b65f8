/**
 * Why a request found no host. The first line is Nova's sentence, which the tenant reads; the lines below are for the admin, who has asked Nova for them
 * for years: what was asked, how many hosts each step rejected and why, how short each resource was on the nearest host, and the first cause in one
 * word that a machine can count.
 */

import { type ResourceClass, type Resources, resourceClasses } from '../../database/api/hosts/allocations.ts';
import type { Group, Reasons } from '../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import { type Rejection, rejectForGroup } from './filters/index.ts';
import { fits, resourcesOf, type SchedulingContext } from './select-hosts.ts';
import { type Step, steps } from './steps.ts';

/** What a log holds of a request that found no host: numbers only, by names that stay. */
export interface Report {
  servers: number;
  /** The step that rejected the last hosts, or the resource that was short. */
  first_cause: string;
  hosts: number;
  rejected: Readonly<Record<string, number>>;
  /** On how many hosts each resource suffices, and what is free on the nearest. */
  suffices?: Resources;
  nearest?: Resources;
}

/** The scheduler found no hosts for the servers of a request. */
export class NoValidHost extends Error {
  override name = 'NoValidHost';
  readonly report: Report | undefined;

  constructor(message: string, { report, ...options }: ErrorOptions & { report?: Report } = {}) {
    super(message, options);
    this.report = report;
  }
}

/** No host has the capacity for one server (nova-facts 1.2: the sentence ends in a space). */
const noCandidates = 'No valid host was found. ';
/** Hosts have the capacity, but the request may not use them, or there are not enough of them. */
const notEnough = 'No valid host was found. There are not enough hosts available.';

/** Explains that the host that was forced or asked for does not exist. */
export function explainUnknownHost(servers: number, spec: RequestSpec): NoValidHost {
  const { host, node } = spec.forced_host ?? spec.requested_host ?? { host: null, node: null };
  // Nova writes Python's None.
  const sentence = `No valid host was found. No such host - host: ${host ?? 'None'} node: ${node ?? 'None'} `;
  return noValidHost(sentence, [asked(servers, spec, null)], { servers, first_cause: 'UnknownHost', hosts: 0, rejected: {} });
}

/** Explains that other boots claimed the hosts each time between the read and the claim. */
export function explainLostClaims(servers: number, spec: RequestSpec, group: Group | null, attempts: number): NoValidHost {
  const lines = [asked(servers, spec, group), `Other boots took the hosts ${attempts} times.`];
  return noValidHost(notEnough, lines, { servers, first_cause: 'LostClaims', hosts: 0, rejected: {} });
}

/** What explains a search that failed. */
export interface NoValidHostInput {
  spec: RequestSpec;
  /** How many servers looked for a host, and how many would have found one. */
  servers: number;
  placed: number;
  /** The hosts that passed every filter, after those servers. */
  after: SchedulingContext;
  reasons: Reasons;
  /** What the filters rejected, by host class. */
  rejections: ReadonlyMap<string, Rejection>;
}

/** Explains why servers found no host. */
export function explainNoValidHost(input: NoValidHostInput): NoValidHost {
  const { spec, servers, placed, after, reasons } = input;
  // Under affinity one host holds all servers of the request.
  const together = after.group?.policy === 'affinity' ? servers : 1;
  const need = times(after.need, together);
  const group = after.group && { ...after.group, placed: after.group.placed - placed };
  const lines = [asked(servers, spec, group), `Hosts: ${reasons.hosts}.`];
  const rejected: Record<string, number> = {};
  let cause = 'NoHosts';
  let left = reasons.hosts;
  for (const step of steps) {
    const { hosts, reason, names } = rejectedBy(step, input);
    if (hosts === 0) continue;
    rejected[step.name] = hosts;
    const all = step.name === 'Placement' && together > 1 ? ` for all ${together} servers` : '';
    lines.push(`${step.name}: ${hosts} of ${left} hosts rejected, ${reason}${all}${names}.`);
    if (step.name === 'Placement') lines.push(...shortages(reasons, need));
    left -= hosts;
    cause = step.name;
  }
  if (left > 0) {
    const next = whyNotTheNext(after, reasons);
    lines.push(`The ${left === 1 ? 'host' : `${left} hosts`} left can hold ${placed} of ${servers} servers; ${next.line}`);
    cause = next.cause;
  } else if (cause === 'Placement' && reasons.nearest) {
    cause = mostLacking(reasons.nearest.free, need);
  }
  return noValidHost(reasons.candidates === 0 ? noCandidates : notEnough, lines, {
    ...{ servers, first_cause: cause, hosts: reasons.hosts, rejected },
    ...(reasons.asked > 0 && { suffices: reasons.suffices }),
    ...(reasons.nearest && { nearest: reasons.nearest.free }),
  });
}

/** A fault's details are read by people; long names or many reasons must not make them endless. */
const longest = 4_000;

function noValidHost(sentence: string, lines: readonly string[], report: Report): NoValidHost {
  const last = `First cause: ${report.first_cause}.`;
  const text = [sentence, ...lines].join('\n');
  return new NoValidHost(`${text.length > longest ? `${text.slice(0, longest)}…` : text}\n${last}`, { report });
}

function asked(servers: number, spec: RequestSpec, group: Group | null): string {
  const parts = [
    `Asked: ${servers} ${servers === 1 ? 'server' : 'servers'} with ${list(resourcesOf(spec))}${servers === 1 ? '' : ' each'}`,
  ];
  const named = spec.forced_host ?? spec.requested_host;
  if (named) parts.push(`on host ${named.host ?? named.node}${spec.forced_host ? ' (forced)' : ''}`);
  if (spec.availability_zone !== null && !spec.forced_host) parts.push(`in availability zone ${spec.availability_zone}`);
  if (group) parts.push(`in server group ${group.name} (${group.policy}${mostOf(group)}, ${group.placed} placed)`);
  return `${parts.join(', ')}.`;
}

function mostOf({ policy, mostPerHost }: Group): string {
  return policy === 'anti-affinity' && mostPerHost > 1 ? ` with at most ${mostPerHost} a host` : '';
}

/** The reasons of one filter that are listed at most, and the characters of names. */
const mostReasons = 3;
const longestNames = 300;

/** Returns how many hosts a step rejected and why: filters over host classes have a reason for each class. */
function rejectedBy(step: Step, { reasons, rejections }: NoValidHostInput): { hosts: number; reason: string; names: string } {
  const parts = reasons.rejected.filter(
    ({ step: name, hostClass }) => (hostClass === null ? name : rejections.get(hostClass)?.filter) === step.name,
  );
  const hosts = parts.reduce((sum, part) => sum + part.hosts, 0);
  const found = [...new Set(parts.flatMap(({ hostClass }) => (hostClass === null ? [] : (rejections.get(hostClass)?.reason ?? []))))];
  const more = found.length > mostReasons ? [`${found.length - mostReasons} other reasons`] : [];
  const names = parts
    .flatMap((part) => part.names ?? [])
    .sort()
    .join(', ');
  const named = parts.every((part) => part.names) && hosts <= 10 && names.length <= longestNames;
  return { hosts, reason: step.reason ?? [...found.slice(0, mostReasons), ...more].join('; '), names: named ? ` (${names})` : '' };
}

/** How far each resource goes, and how short it is on the host that lacks least. */
function shortages({ asked: hosts, suffices, nearest }: Reasons, need: Resources): string[] {
  if (!nearest) return [];
  const lines = resourceClasses.map((resource) => {
    const missing = need[resource] - nearest.free[resource];
    const short = missing > 0 ? `, ${missing} short` : '';
    return `${resource}: ${suffices[resource]} of ${hosts} hosts suffice; the nearest has ${nearest.free[resource]} free${short}.`;
  });
  return [...lines, `Nearest host: ${nearest.host}.`];
}

/** Explains why hosts that pass cannot hold one server more. */
function whyNotTheNext({ need, group, hosts }: SchedulingContext, { nearest }: Reasons): { cause: string; line: string } {
  const rejection = hosts.filter((host) => fits(host, need)).map((host) => rejectForGroup(host, group))[0];
  if (rejection) return { cause: rejection.filter, line: `then ${rejection.filter} rejects every host with the capacity.` };
  const [near] = [...hosts, ...(nearest ? [nearest] : [])].sort((a, b) => lack(a.free, need) - lack(b.free, need));
  if (!near) return { cause: 'NoHosts', line: 'then there is none.' };
  const short = resourceClasses.filter((resource) => near.free[resource] < need[resource]);
  const amounts = short.map((resource) => `${need[resource] - near.free[resource]} ${resource}`).join(', ');
  return { cause: mostLacking(near.free, need), line: `then the nearest, ${near.host}, is short of ${amounts}.` };
}

/** The resource that is shortest, measured by the need. */
function mostLacking(free: Resources, need: Resources): ResourceClass {
  const share = (resource: ResourceClass) => (need[resource] - free[resource]) / Math.max(need[resource], 1);
  return resourceClasses.reduce((worst, resource) => (share(resource) > share(worst) ? resource : worst));
}

/** How much is missing, each resource measured by the need. */
function lack(free: Resources, need: Resources): number {
  return resourceClasses.reduce((sum, resource) => sum + Math.max(need[resource] - free[resource], 0) / Math.max(need[resource], 1), 0);
}

function times({ VCPU, MEMORY_MB, DISK_GB }: Resources, count: number): Resources {
  return { VCPU: VCPU * count, MEMORY_MB: MEMORY_MB * count, DISK_GB: DISK_GB * count };
}

function list(amounts: Resources): string {
  return resourceClasses.map((resource) => `${resource} ${amounts[resource]}`).join(', ');
}
