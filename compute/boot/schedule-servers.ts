/** First step of a boot: a host for each server of the request, with its capacity claimed, or none for all of them. */

import { claim } from '../../database/api/hosts/allocations.ts';
import {
  type ClaimedServer,
  findSchedulingState,
  type PlacedServer,
  type Reading,
  type SchedulingState,
} from '../../database/api/scheduler/scheduling-state.ts';
import { releaseUnusableAllocations } from '../../database/api/servers/release.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { Build } from '../hosts/drivers/driver.ts';
import { type Configuration, configuration } from '../scheduler/configuration.ts';
import { findHosts } from '../scheduler/find-hosts.ts';
import { alternatesTo, type SchedulingContext, type Selection } from '../scheduler/select-hosts.ts';
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
  const { state, selections, after } = await findHosts({
    servers: servers.length,
    settings,
    read: (reading) => readUsable(api, execution, servers, reading),
    claim(selected, { need }, group) {
      const picked = [...selected].map(([server, { host }]) => ({ server, provider: host.provider, resources: need }));
      return claim(api, execution, picked, group);
    },
  });
  const kept = state.placed.map((server) => placementOf(execution, server, []));
  return after ? [...kept, ...earlier(execution, state.claimed, after, settings), ...chosen(execution, selections)] : kept;
}

/** Reads what there is, without claims on hosts that may not be picked any more. */
async function readUsable(api: Database, execution: string, servers: readonly string[], reading: Reading): Promise<SchedulingState> {
  const state = await findSchedulingState(api, execution, servers, reading);
  const lost = state.claimed.filter(({ usable }) => !usable);
  if (lost.length === 0) {
    if (state.goneImage !== null) throw new ImageNotFound(`Image ${state.goneImage} could not be found.`);
    return state;
  }
  await releaseUnusableAllocations(api, execution, lost);
  return readUsable(api, execution, servers, reading);
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
