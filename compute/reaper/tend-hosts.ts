/**
 * Hosts that an operator has forced down, or brought up again. What a host has begun moves away when it is down; what it may run of servers that have left it is
 * ended when it is up, by the token of the owner that it had there.
 */
import { completeHostCleanups, type HostCleanup } from '../../database/api/hosts/host-cleanups.ts';
import { findWorkOfHosts, mostOfHost, removeGuests } from '../../database/cell/guests-to-end.ts';
import type { Database } from '../../database/data-api/client.ts';
import { endOnHost } from '../servers/end-deleted.ts';
import { moveBuilds } from './move-builds.ts';
import type { Reaper } from './reap.ts';

/** What was done for hosts. */
export interface TendedHosts {
  moved: number;
  guestsEnded: number;
}

/** Sees to hosts of a cell. */
export async function tendHosts(
  reaper: Reaper,
  cell: { uuid: string; database_connection: string },
  cleanups: readonly HostCleanup[],
  database: Database,
): Promise<TendedHosts> {
  const found = await findWorkOfHosts(
    database,
    cleanups.map(({ host }) => host),
  );
  const moved = await moveBuilds(
    reaper,
    cell.uuid,
    found.flatMap(({ builds }) => builds),
  );
  const guests = found.flatMap((work) => work.guests);
  const answers = await Promise.all(
    guests.map(async (guest) => ({
      ...guest,
      due_at: await endOnHost(reaper.driver, cell.database_connection, { ...guest, uuid: guest.server }),
    })),
  );
  const ended = answers.filter(({ due_at }) => due_at === null);
  if (ended.length > 0) await removeGuests(database, ended);
  const dueAt = ({ host }: HostCleanup) => {
    const work = found.find((one) => one.host === host);
    if (work && (work.builds.length === mostOfHost || work.guests.length === mostOfHost)) return new Date().toISOString();
    const times = answers.flatMap((answer) => (answer.host === host && answer.due_at !== null ? [answer.due_at] : []));
    return times.toSorted()[0] ?? null;
  };
  await completeHostCleanups(
    reaper.api,
    cleanups.map((cleanup) => ({ ...cleanup, due_at: dueAt(cleanup) })),
  );
  return { moved, guestsEnded: ended.length };
}
