/**
 * Ends what hosts run of servers that their cell has deleted. At once nobody sees them and their quota is returned; their place on a host is free when the
 * host has reported that it ended them, so no other server gets what it still takes. A host that is silent is asked again, less and less often.
 */
import { endServers, releaseOnHost, releaseServers } from '../../database/api/servers/release.ts';
import { endGuest } from '../../database/cell/guests-to-end.ts';
import type { LastMove } from '../../database/cell/reaper.ts';
import type { Database } from '../../database/data-api/client.ts';
import { inCell } from '../cells/reach.ts';
import type { Driver, LateReport } from '../hosts/drivers/driver.ts';

/** What a host is to end. */
export interface EndingGuest {
  uuid: string;
  host: string;
  fencing_token: number;
  /** For how many seconds that is so. */
  age: number;
}

/** A server that its cell has deleted. */
export interface DeletedServer extends Omit<EndingGuest, 'host' | 'age'> {
  /** Where it ran; null when it had no host. */
  host: string | null;
  /** While that is not over, its other host may have it, too. */
  last_move: LastMove | null;
  /** For how many seconds it is deleted. */
  deleted_for: number;
}

/** In seconds: until a host is asked again that did not take the request or failed, and how long a silent one is left alone at most. */
const retryAfter = 600;
const longestPause = 86_400;

/**
 * Has the hosts of deleted servers end them, marks the servers deleted in the index and returns their quota. What a host has still to end keeps its allocation.
 * @param cell URL of the database of their cell.
 * @returns the uuids of those that are ended; the reaper looks after the others.
 */
export async function endDeleted(api: Database, driver: Driver, cell: string, servers: readonly DeletedServer[]): Promise<Set<string>> {
  const answers = await Promise.all(
    servers.map(async (server) => {
      const { uuid, fencing_token, deleted_for: age } = server;
      const due = await Promise.all(hostsOf(server).map((host) => endOnHost(driver, cell, { uuid, fencing_token, host, age })));
      return { uuid, due_at: due.filter((time) => time !== null).sort()[0] ?? null };
    }),
  );
  const ended = answers.filter(({ due_at }) => due_at === null).map(({ uuid }) => uuid);
  const ending = answers.flatMap(({ uuid, due_at }) => (due_at === null ? [] : [{ uuid, due_at }]));
  if (ended.length > 0) await releaseServers(api, ended);
  if (ending.length > 0) await endServers(api, ending);
  return new Set(ended);
}

/** The hosts that may have a server: two while it moves. */
function hostsOf({ host, last_move }: Pick<DeletedServer, 'host' | 'last_move'>): string[] {
  const other = last_move?.outcome === null ? last_move.other_host : null;
  return [host, other].filter((name) => name !== null);
}

/**
 * Has a host end what it runs of a server.
 * @returns when to look again; null when it has ended.
 */
export async function endOnHost(
  driver: Driver,
  cell: string,
  { uuid: server, host, fencing_token, age }: EndingGuest,
): Promise<string | null> {
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();
  const pause = inSeconds(Math.min(longestPause, Math.max(retryAfter, age)));
  try {
    const answer = await driver.begin({ operation: 'destroy', server, host, cell, fencing_token });
    if (answer.result === 'success') return null;
    return answer.result === 'begun' && age < retryAfter ? answer.due_at : pause;
  } catch {
    // The host, or the way to it, is down: the server is deleted all the same.
    return pause;
  }
}

/**
 * Releases what a deleted server has on the host that reports its end. The report must name the host and the owner of the row that was deleted: an end on an
 * earlier host, or of an earlier owner, frees nothing, and ends what was recorded of it there.
 */
export async function applyDestroyReport(api: Database, { about, report }: LateReport): Promise<void> {
  if (report.result !== 'success') return;
  const { deleted, moving } = await inCell(about.cell, 'changing', (database) => endGuest(database, about));
  // Of two hosts, the one that is left has its report to come, or is asked again by the reaper.
  if (deleted && (!moving || (await releaseOnHost(api, about.server, about.host)))) await releaseServers(api, [about.server]);
}
