/**
 * The search for hosts: a page of them is read, filtered, weighed and claimed, and read again when others claimed first or all of the page were rejected; so
 * limits bury no server that fits.
 */
import type { Group, Reading, SchedulingState } from '../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import type { Configuration } from './configuration.ts';
import { type Rejection, rejectHostClass } from './filters/index.ts';
import { explainLostClaims, explainNoValidHost, explainUnknownHost } from './no-valid-host.ts';
import { resourcesOf, type SchedulingContext, type Selection, selectHosts } from './select-hosts.ts';

/** Other boots may claim a host between our read and our claim; then we read again. Each time one of them gets on, so it ends long before this. */
const mostClaims = 60;
/** A page holds no more hosts than this; the answer of a database is bounded. */
const largestPage = 500;

/** How hosts are read and claimed. */
export interface HostSearch {
  /** How many servers look for one, at most. */
  servers: number;
  settings: Configuration;
  read(reading: Reading): Promise<SchedulingState>;
  /**
   * Claims what was selected, at least one.
   * @param group that of the servers, as it was when the hosts were selected, if its policy binds.
   * @returns false when another came first.
   */
  claim(selections: ReadonlyMap<string, Selection>, context: SchedulingContext, group: Group | null): Promise<boolean>;
}

/** What a search found. */
export interface FoundHosts {
  /** As it was read last. */
  state: SchedulingState;
  selections: ReadonlyMap<string, Selection>;
  /** The context after these selections; null when no server waits. */
  after: SchedulingContext | null;
}

/**
 * Finds and claims a host for each server that waits and has no claim.
 * @throws NoValidHost when not all find one; then nothing is claimed.
 */
export async function findHosts({ servers, settings, read, claim }: HostSearch): Promise<FoundHosts> {
  const { image_props, num_instances } = settings.multipliers;
  const counting = { countServers: num_instances !== 0, countAlikeProperties: image_props !== 0 };
  const rejections = new Map<string, Rejection>();
  let page = Math.max(settings.candidates, servers);
  let reasons = false;
  for (let claims = 0; ; ) {
    const state = await read({ limit: page, rejectedHostClasses: [...rejections.keys()], reasons, ...counting });
    const { spec, claimed } = state;
    if (!spec) return { state, selections: new Map(), after: null };
    const seekers = state.waiting.filter((server) => !claimed.some((other) => other.server === server));
    if (!state.hostExists) throw explainUnknownHost(seekers.length, spec);

    const found = rejectionsOf(state, spec);
    const context: SchedulingContext = {
      ...state,
      need: resourcesOf(spec),
      hosts: state.hosts.filter(({ hostClass }) => !found.has(hostClass)),
    };
    const { selections, after } = selectHosts(context, seekers, settings, 2 ** Math.min(claims, 10));
    if (selections.size === seekers.length) {
      if (selections.size === 0 || (await claim(selections, context, binding(state.group)))) return { state, selections, after };
      claims += 1;
      reasons = false;
      if (claims === mostClaims) throw explainLostClaims(seekers.length, spec, state.group, mostClaims);
    } else if (found.size > 0) {
      // What rejects one host rejects all of its class: the next page is without them, so limits never bury a server that fits.
      for (const [hostClass, rejection] of found) rejections.set(hostClass, rejection);
      reasons = !state.more;
      page = Math.min(page * 2, Math.max(page, largestPage));
    } else if (state.reasons) {
      throw explainNoValidHost({ spec, after, reasons: state.reasons, rejections, servers: seekers.length, placed: selections.size });
    } else {
      reasons = true;
    }
  }
}

/** Returns the host classes on the page that the filters reject. A forced host is not filtered. */
function rejectionsOf({ hostClasses }: SchedulingState, spec: RequestSpec): Map<string, Rejection> {
  const found = new Map<string, Rejection>();
  if (spec.forced_host) return found;
  for (const [key, hostClass] of hostClasses) {
    const rejection = rejectHostClass(hostClass, spec);
    if (rejection) found.set(key, rejection);
  }
  return found;
}

/** A soft policy is a wish: claims need not wait for each other. */
function binding(group: Group | null): Group | null {
  return group && (group.policy === 'affinity' || group.policy === 'anti-affinity') ? group : null;
}
