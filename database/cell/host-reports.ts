/** What hosts report of themselves: their guests as they are. Reports of a host have sequence numbers that grow; only a later one than the last changes anything. */
import { type Database, query } from '../data-api/client.ts';
import type { TaskState, VmState } from '../servers/document.ts';
import type { FencedServer } from '../servers/ownership.ts';
import type { Task } from '../servers/task.ts';

/** A guest as its host has it, and the token of the owner for whom it was started. */
export interface ReportedGuest {
  server: string;
  fencing_token: number;
  /** By Nova's numbers. */
  power_state: number;
}

/** A report of a host. */
export interface ReportOfHost {
  host: string;
  sequence: number;
  servers: readonly ReportedGuest[];
}

/** What becomes of a server in this state when its guest is in this one: it is stopped already, or is to be stopped on its host. */
export interface PowerRule {
  vm_state: VmState;
  power_state: number;
  correction: 'stopped' | 'stop';
}

const reported = `
     -- The guests, as they are.
     reported as (select * from jsonb_to_recordset(:servers::jsonb) as guest (server uuid, fencing_token int, power_state int))`;

/**
 * Takes over the power states of guests, for servers that are on the host, have that owner and are in no task. Where the guest of a server is off that must run,
 * or be paused, the server is stopped, with a `stop` action. Sent twice, it answers the same.
 * @param stopped the power state of a server that is stopped.
 * @returns the servers that their host must be asked to stop.
 */
export async function applyPowerStates(
  cell: Database,
  { host, sequence, servers }: ReportOfHost,
  { rules, stopped, requestId }: { rules: readonly PowerRule[]; stopped: number; requestId: string },
): Promise<{ server: string; vm_state: VmState }[]> {
  return query(
    cell,
    `with
     -- This report, if it is later than the last.
     later as (
       insert into host_reports (host, sequence) values (:host, :sequence)
       on conflict (host) do update set sequence = excluded.sequence, updated_at = now() where host_reports.sequence < excluded.sequence
       returning host),
     -- Whether it is the last; it was sent before, if it is not later.
     standing as (select exists (select from later) as is_later, :sequence::bigint = (select sequence from host_reports where host = :host) as sent_before),
     ${reported},
     -- The servers that it is about; nobody else changes them meanwhile.
     found as (
       select i.id, i.uuid, i.vm_state, r.power_state, is_later
       from instances i join reported r on r.server = i.uuid and r.fencing_token = i.fencing_token cross join standing
       where i.host = :host and i.deleted = 0 and i.task_state is null and i.task is null and i.launched_at is not null
         and (is_later or sent_before and i.power_state = r.power_state)
       order by i.id for update of i),
     -- What becomes of them.
     corrected as (
       select found.*, rule.correction from found
       left join jsonb_to_recordset(:rules::jsonb) as rule (vm_state text, power_state int, correction text) using (vm_state, power_state)),
     -- As their guests are.
     changed as (
       update instances i set updated_at = now(),
         power_state = case when c.correction = 'stopped' then :stopped::int else c.power_state end,
         vm_state = case when c.correction = 'stopped' then 'stopped' else i.vm_state end
       from corrected c where i.id = c.id and is_later and (c.correction = 'stopped' or i.power_state is distinct from c.power_state)
       returning i.uuid, c.correction),
     -- Records of those that stopped.
     action as (
       insert into instance_actions (instance_uuid, action, request_id, start_time, finish_time, updated_at)
       select uuid, 'stop', :request_id, now(), now(), now() from changed where correction = 'stopped'
       on conflict do nothing returning id),
     -- Their events.
     event as (
       insert into instance_actions_events (action_id, event, start_time, finish_time, result, host, details)
       select id, 'compute_stop_instance', now(), now(), 'Success', :host, 'Its guest was off.' from action)
     select uuid as server, vm_state from corrected where correction = 'stop'`,
    { host, sequence, servers, rules, stopped, request_id: requestId },
  );
}

/** A server of a host that was started anew. */
export interface ServerOfHost extends FencedServer {
  vm_state: VmState;
  task_state: TaskState | null;
  /** As the row has it. */
  power_state: number;
  /** As its host has it. */
  guest_state: number;
  task: Task | null;
}

/**
 * Returns the servers of a report that are on its host and have that owner.
 * @returns undefined when the report is not later than the last.
 */
export async function findReportedServers(cell: Database, { host, sequence, servers }: ReportOfHost): Promise<ServerOfHost[] | undefined> {
  const [row] = await query<{ is_later: boolean; servers: ServerOfHost[] }>(
    cell,
    `with
     ${reported},
     -- As they are.
     found as (
       select i.uuid, i.fencing_token, i.vm_state, i.task_state, i.power_state, r.power_state as guest_state, i.task
       from reported r join instances i on i.uuid = r.server and i.fencing_token = r.fencing_token
       where i.host = :host and i.deleted = 0)
     select coalesce((select sequence from host_reports where host = :host) < :sequence, true) as is_later,
       (select coalesce(jsonb_agg(found), '[]') from found) as servers`,
    { host, sequence, servers },
  );
  return row?.is_later ? row.servers : undefined;
}

/** Notes that a report was applied, unless a later one was. */
export async function noteReportOfHost(cell: Database, { host, sequence }: Pick<ReportOfHost, 'host' | 'sequence'>): Promise<void> {
  await query(
    cell,
    `insert into host_reports (host, sequence) values (:host, :sequence)
     on conflict (host) do update set sequence = excluded.sequence, updated_at = now() where host_reports.sequence < excluded.sequence`,
    { host, sequence },
  );
}
