/** First step of a boot: a host for each server of the request, with its room claimed, or none for all of them. */
import { releaseClaims } from '../../database/api/build-requests.ts';
import { claim, findSchedulingState } from '../../database/api/placement.ts';
import type { Database } from '../../database/data-api.ts';
import { explainNoValidHost, NoValidHost } from '../scheduler/no-valid-host.ts';
import { resourcesOf, selectHosts } from '../scheduler/select-hosts.ts';

/** A server with the host that has claimed room for it; `cell` is a uuid. */
export interface Placement {
  server: string;
  cell: string;
  host: string;
}

/** Other boots may take a host between our look and our claim; then we look again, this often. */
const attempts = 5;
/** Hosts worth a look; more would not find a better one, only later. */
const candidates = 100;

/**
 * Picks and claims hosts for the servers of a request that still wait for one. Claims of an earlier run of this step are given back first.
 * @throws NoValidHost when not all find one; nothing stays claimed.
 */
export async function scheduleServers(api: Database, servers: readonly string[]): Promise<Placement[]> {
  for (let attempt = 1; ; attempt++) {
    const state = await findSchedulingState(api, servers, Math.max(candidates, servers.length));
    if (state.claimed.length > 0) {
      await releaseClaims(api, state.claimed);
      continue;
    }
    const waiting = servers.filter((server) => server in state.specs);
    const [spec] = Object.values(state.specs);
    if (!spec) return [];
    const resources = resourcesOf(spec);
    const selected = selectHosts(state, waiting, resources);
    if (!selected) throw explainNoValidHost(state, resources, waiting.length);
    const claims = [...selected].map(([server, { provider }]) => ({ server, provider, resources }));
    if (await claim(api, claims)) return [...selected].map(([server, { cell, host }]) => ({ server, cell, host }));
    if (attempt === attempts) {
      throw new NoValidHost(
        `No valid host was found. There are not enough hosts available.\nFirst cause: lost claims. Other boots took the hosts ${attempts} times.`,
      );
    }
  }
}
