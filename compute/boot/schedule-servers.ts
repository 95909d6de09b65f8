/** First step of a boot: a host for each server of the request, with its room claimed, or none for all of them. */
import { claim, findSchedulingState } from '../../database/api/placement.ts';
import { releaseClaims } from '../../database/api/release.ts';
import type { Database } from '../../database/data-api.ts';
import { explainNoValidHost, NoValidHost } from '../scheduler/no-valid-host.ts';
import { resourcesOf, type Selection, selectHosts } from '../scheduler/select-hosts.ts';

/** A server with the host that has claimed room for it. */
export interface Placement {
  /** The workflow that has the say over the server. */
  execution: string;
  server: string;
  /** uuid of the host's cell. */
  cell: string;
  host: string;
  /** Hosts of the same cell to try when this one fails to build, best first; nothing is claimed on them. */
  alternates: string[];
}

/** Other boots may take a host between our look and our claim; then we look again, this often. */
const attempts = 5;
/** Hosts worth a look; more would not find a better one, only later. */
const candidates = 100;

/**
 * Picks and claims hosts for the servers of a request that still wait for one. Claims of an earlier run of this step are given back first; servers that
 * have their place already keep it, so that an interrupted boot can go on.
 * @throws NoValidHost when not all find one; nothing stays claimed.
 */
export async function scheduleServers(api: Database, execution: string, servers: readonly string[]): Promise<Placement[]> {
  for (let attempt = 1; ; attempt++) {
    const state = await findSchedulingState(api, execution, servers, Math.max(candidates, servers.length));
    if (state.claimed.length > 0) {
      await releaseClaims(api, state.claimed);
      continue;
    }
    const placed = state.placed.map((server) => ({ execution, ...server, alternates: [] }));
    const waiting = servers.filter((server) => server in state.specs);
    const [spec] = Object.values(state.specs);
    if (!spec) return placed;
    const resources = resourcesOf(spec);
    const selected = selectHosts(state, waiting, resources);
    if (!selected) throw explainNoValidHost(state, resources, waiting.length);
    const claims = [...selected].map(([server, { host }]) => ({ server, provider: host.provider, resources }));
    if (await claim(api, execution, claims)) return [...placed, ...placements(execution, selected)];
    if (attempt === attempts) {
      throw new NoValidHost(
        `No valid host was found. There are not enough hosts available.\nFirst cause: lost claims. Other boots took the hosts ${attempts} times.`,
      );
    }
  }
}

function placements(execution: string, selected: ReadonlyMap<string, Selection>): Placement[] {
  return [...selected].map(([server, { host, alternates }]) => ({ execution, server, cell: host.cell, host: host.host, alternates }));
}
