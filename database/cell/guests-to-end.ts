/**
 * What is left to do on a host that is down, or was: builds that it has begun move to another host, and what it may run of servers that have left it is ended
 * when it is back. The statement that takes a server away from a host which is down records its guest there, so there is no moment without it.
 */
import { type Database, query } from '../data-api/client.ts';
import type { Task } from '../servers/task.ts';

/**
 * CTEs that record the guests of the servers of a CTE (uuid, host, fencing_token), where their host is forced down: the server must have another host, or a
 * later token, from this statement on. Who brings the host up waits for the statement or is seen by it.
 */
export const recordGuests = (servers: string) => `
     -- Hosts of theirs that are down, which nobody brings up meanwhile.
     down as (
       select host from services where host in (select host from ${servers}) and "binary" = 'nova-compute' and forced_down and deleted = 0 for share),
     -- Their guests, to be ended when the host is back.
     recorded as (
       insert into guests_to_end (host, instance_uuid, fencing_token) select host, uuid, fencing_token from ${servers} join down using (host)
       on conflict (host, instance_uuid) do update set fencing_token = greatest(guests_to_end.fencing_token, excluded.fencing_token))`;

/** What a host may run of a server that has left it, started with this token or an earlier one. */
export interface Guest {
  server: string;
  host: string;
  fencing_token: number;
}

/** A guest, and for how many seconds it is to be ended. */
export interface EndingGuest extends Guest {
  age: number;
}

/** What is left to do on a host. */
export interface WorkOfHost {
  host: string;
  /** Builds that it has begun, while it is down. */
  builds: { uuid: string; fencing_token: number; host: string; task: Task }[];
  /** Guests to end, when it is up. */
  guests: EndingGuest[];
}

const guestColumns = 'instance_uuid as server, host, fencing_token, extract(epoch from now() - created_at)::float8 as age';

/** Returns the guests to end on a host that has started, though nobody may have said yet that it is up; `mostOfHost` of them. */
export async function findGuests(cell: Database, host: string): Promise<EndingGuest[]> {
  return query<EndingGuest>(cell, `select ${guestColumns} from guests_to_end where host = :host limit ${mostOfHost}`, { host });
}

/** Builds or guests of one host that one answer holds; the next look finds the next. */
export const mostOfHost = 500;

/** Returns what is left to do on hosts, `mostOfHost` builds or guests of each. */
export async function findWorkOfHosts(cell: Database, hosts: readonly string[]): Promise<WorkOfHost[]> {
  return query<WorkOfHost>(
    cell,
    `select s.host,
       (select coalesce(jsonb_agg(build), '[]') from (
         select uuid, fencing_token, host, task from instances
         where host = s.host and s.forced_down and deleted = 0 and vm_state = 'building' and task->>'due_at' is not null limit ${mostOfHost}) build) as builds,
       (select coalesce(jsonb_agg(guest), '[]') from (
         select ${guestColumns} from guests_to_end where host = s.host and not s.forced_down limit ${mostOfHost}) guest) as guests
     from services s
     where s.host in (select jsonb_array_elements_text(:hosts::jsonb)) and s."binary" = 'nova-compute' and s.deleted = 0`,
    { hosts },
  );
}

/** Forgets guests that have ended, but for one that a later owner has left there since. */
export async function removeGuests(cell: Database, guests: readonly Guest[]): Promise<void> {
  await query(
    cell,
    `delete from guests_to_end g using jsonb_to_recordset(:guests::jsonb) as ended (server uuid, host text, fencing_token int)
     where g.instance_uuid = ended.server and g.host = ended.host and g.fencing_token <= ended.fencing_token`,
    { guests },
  );
}

/** Forgets the guests of a host that is no host of the cell any more. */
export async function removeGuestsOfHost(cell: Database, host: string): Promise<void> {
  await query(cell, 'delete from guests_to_end where host = :host', { host });
}

/**
 * Forgets a guest that its host has ended.
 * @returns whether this ended a server that the cell has deleted, one that has this host and this token still; and whether that was moving, so that another
 *   host may have it, too.
 */
export async function endGuest(cell: Database, guest: Guest): Promise<{ deleted: boolean; moving: boolean }> {
  const [row] = await query<{ deleted: boolean; moving: boolean }>(
    cell,
    `with ended as (
       delete from guests_to_end where instance_uuid = :server::uuid and host = :host and fencing_token <= :fencing_token),
     -- The two hosts of its move.
       move as (select source_compute, dest_compute from migrations where instance_uuid = :server::uuid and outcome is null)
     select exists (
       select from instances where uuid = :server::uuid and deleted <> 0 and fencing_token = :fencing_token
         and (host = :host or :host in (select source_compute from move union select dest_compute from move))) as deleted,
       exists (select from move) as moving`,
    { server: guest.server, host: guest.host, fencing_token: guest.fencing_token },
  );
  return row ?? { deleted: false, moving: false };
}
