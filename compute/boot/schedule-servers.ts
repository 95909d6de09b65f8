/** First step of a boot: a host for each server of the request, with its capacity claimed, or none for all of them. */

import { claim } from '../../database/api/hosts/allocations.ts';
import {
  type ClaimedServer,
  findSchedulingState,
  type Group,
  type PlacedServer,
  type SchedulingState,
} from '../../database/api/scheduler/scheduling-state.ts';
import { releaseUnusableAllocations } from '../../database/api/servers/release.ts';
import type { RequestSpec } from '../../database/api/servers/request-spec.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Build } from '../hosts/drivers/driver.ts';
import { type Configuration, configuration } from '../scheduler/configuration.ts';
import { type Rejection, rejectHostClass } from '../scheduler/filters/index.ts';
import { explainLostClaims, explainNoValidHost, explainUnknownHost } from '../scheduler/no-valid-host.ts';
import { alternatesTo, resourcesOf, type SchedulingContext, type Selection, selectHosts } from '../scheduler/select-hosts.ts';
import type { CaughtError } from './failure.ts';

/** A build whose host reported that it failed, when the execution that had asked it had ended; the next one goes on from there. */
export interface FailedBuild extends Omit<Build, 'execution'> {
  host: string;
  failure: CaughtError;
}

/** A server with the host on which it has an allocation. */
export interface Placement {
  /** The execution that owns the server. */
  execution: string;
  server: string;
  /** uuid of the host's cell. */
  cell: string;
  host: string;
  /** The availability zone of the host, and of its alternates. */
  zone: string;
  /** Hosts of the same cell to try when this one fails to build, best first; nothing is claimed on them. */
  alternates: string[];
  /** How many cells have not taken the server in this execution, and how many of these refused it. */
  failures: number;
  refusals: number;
  /** What its host reported, where that has failed already. */
  failed?: FailedBuild | undefined;
}

/** What Nova says of an image that is gone when a host would fetch it. */
export class ImageNotFound extends Error {
  override name = 'ImageNotFound';
}

/** Other boots may claim a host between our read and our claim; then we read again. Each time one of them gets on, so it ends long before this. */
const mostClaims = 60;
/** A page holds no more hosts than this; the answer of a database is bounded. */
const largestPage = 500;

/**
 * Picks and claims hosts for the servers of a request that still wait for one. Servers that have their cell, or an allocation of an earlier run of this
 * step, keep it; so the step may run again, and an interrupted boot goes on.
 * @throws NoValidHost when not all find one, ImageNotFound when the image of a server that was buried is gone since; nothing new stays claimed.
 */
export async function scheduleServers(
  api: Database,
  execution: string,
  servers: readonly string[],
  settings: Configuration = configuration,
): Promise<Placement[]> {
  const { image_props, num_instances } = settings.multipliers;
  const rejections = new Map<string, Rejection>();
  let page = Math.max(settings.candidates, servers.length);
  let reasons = false;
  for (let claims = 0; ; ) {
    const reading = { limit: page, rejectedHostClasses: [...rejections.keys()], reasons };
    const state = await findSchedulingState(api, execution, servers, {
      ...{ ...reading, countServers: num_instances !== 0, countAlikeProperties: image_props !== 0 },
    });
    const { spec, claimed, placed } = state;
    const lost = claimed.filter(({ usable }) => !usable);
    if (lost.length > 0) {
      await releaseUnusableAllocations(api, execution, lost);
      continue;
    }
    const kept = placed.map((server) => placementOf(execution, server, []));
    if (!spec) return kept;
    const seekers = state.waiting.filter((server) => !claimed.some((other) => other.server === server));
    if (state.goneImage !== null) throw new ImageNotFound(`Image ${state.goneImage} could not be found.`);
    if (!state.hostExists) throw explainUnknownHost(seekers.length, spec);

    const found = rejectionsOf(state, spec);
    const context: SchedulingContext = {
      ...state,
      need: resourcesOf(spec),
      hosts: state.hosts.filter(({ hostClass }) => !found.has(hostClass)),
    };
    const { selections, after } = selectHosts(context, seekers, settings, 2 ** Math.min(claims, 10));
    if (selections.size === seekers.length) {
      const picked = [...selections].map(([server, { host }]) => ({ server, provider: host.provider, resources: context.need }));
      if (picked.length === 0 || (await claim(api, execution, picked, binding(state.group)))) {
        return [...kept, ...earlier(execution, claimed, after, settings), ...chosen(execution, selections)];
      }
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

function placementOf(execution: string, { server, cell, host, zone }: PlacedServer, alternates: string[]): Placement {
  return { execution, server, cell, host, zone, alternates, failures: 0, refusals: 0 };
}

function earlier(execution: string, claimed: readonly ClaimedServer[], context: SchedulingContext, settings: Configuration): Placement[] {
  const taken = new Set(claimed.map(({ provider }) => provider));
  return claimed.map((server) => placementOf(execution, server, alternatesTo(server.server, server, taken, context, settings)));
}

function chosen(execution: string, selections: ReadonlyMap<string, Selection>): Placement[] {
  return [...selections].map(([server, { host, alternates }]) => placementOf(execution, { ...host, server }, alternates));
}
