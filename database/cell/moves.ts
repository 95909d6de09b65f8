/** Moves of servers in their cell. Each change is one statement, conditional on the task in the server's row, so who is late changes nothing. */
import { type Database, query, queryDocuments } from '../data-api/client.ts';
import type { InstanceFlavor, TaskState, VmState } from '../servers/document.ts';
import type { MigrationStatus, MigrationType, Move, MoveFlavor, MoveOutcome, OpenMigration } from '../servers/move.ts';
import type { Task, TaskName } from '../servers/task.ts';
import { beginning, beginTaskCtes, type FoundServer, type NewTask, type Precondition } from './tasks.ts';

/** A server in a task that moves it. */
export interface ServerInMove {
  uuid: string;
  host: string;
  fencing_token: number;
  availability_zone: string;
  flavor: MoveFlavor;
  task: Task;
  /** null until a host is claimed. */
  migration: OpenMigration | null;
}

/** Returns a server in the task that a request began; undefined when that has ended, or another took its place. */
export async function findMove(
  cell: Database,
  { server, action, request_id }: Omit<TaskName, 'attempt'>,
): Promise<ServerInMove | undefined> {
  const { documents } = await queryDocuments<ServerInMove>(
    cell,
    `select i.uuid as key, jsonb_build_object('uuid', i.uuid, 'host', i.host, 'fencing_token', i.fencing_token, 'availability_zone', i.availability_zone,
       'task', i.task, 'flavor', ${flavorOf('i')},
       'migration', (
         select jsonb_build_object('uuid', m.uuid, 'source_compute', source_compute, 'dest_compute', dest_compute, 'old_flavor', old_flavor, 'new_flavor', new_flavor)
         from migrations m where m.instance_uuid = i.uuid and m.outcome is null)) as doc
     from instances i
     where i.uuid = :server::uuid and i.deleted = 0 and i.host is not null and i.task->>'request_id' = :request_id and i.task->>'action' = :action`,
    { server, request_id, action },
  );
  return documents.get(server);
}

const flavorOf = (i: string) =>
  `(select flavor || jsonb_build_object('id', ${i}.instance_type_id) from instance_extra where instance_uuid = ${i}.uuid)`;

/**
 * Begins the task of a move. Sent twice, it answers the same.
 * @returns undefined when the cell does not know the server.
 */
export async function beginMove(
  cell: Database,
  task: NewTask,
  precondition: Precondition,
  move: Move,
  refused: boolean,
): Promise<FoundServer | undefined> {
  const moving = 'exists (select from migrations m where m.instance_uuid = found.uuid and m.outcome is null)';
  const ctes = beginTaskCtes({
    condition: `not :refused and ${precondition.resized ? `found.task is null and ${moving}` : `not ${moving}`}`,
    more: `jsonb_build_object('move', :move::jsonb)`,
  });
  const [found] = await query<FoundServer>(
    cell,
    `with ${ctes}
     select host, fencing_token, vm_state, task_state, locked, launched_at, sent_before or exists (select from accepted) as accepted from found`,
    { ...beginning(task, precondition), move, refused },
  );
  return found;
}

/** What a migration is recorded with when its host is claimed. */
export interface NewMigration {
  uuid: string;
  type: MigrationType;
  status: MigrationStatus;
  destination: { host: string; zone: string };
  newFlavor: MoveFlavor;
  /** As its first step begins. */
  taskState: TaskState | null;
}

/** Task by its name, as its row must have it. */
const named = `i.uuid = :server::uuid and i.deleted = 0 and i.task->>'request_id' = :request_id and i.task->>'action' = :action
  and (i.task->>'attempt')::int = :attempt::int`;

/**
 * Records the migration of a server that has claimed a host. Sent twice, it answers the same.
 * @returns false when the task has ended, or another took its place.
 */
export async function beginMigration(cell: Database, task: TaskName, migration: NewMigration): Promise<boolean> {
  const rows = await query(
    cell,
    `with
     -- The server, which nobody else changes meanwhile.
     moving as (select i.*, ${flavorOf('i')} as flavor from instances i where ${named} for update of i),
     -- Its task knows the host, and its first step begins.
     claimed as (
       update instances i set task = jsonb_set(i.task, '{move,claimed}', :destination::jsonb), task_state = :task_state, updated_at = now(),
         auto_disk_config = coalesce((i.task->'move'->>'auto_disk_config')::boolean, i.auto_disk_config)
       from moving where i.id = moving.id returning i.uuid),
     -- Its migration.
     recorded as (
       insert into migrations (uuid, instance_uuid, source_compute, source_node, dest_compute, dest_node, status, migration_type, user_id, project_id,
         old_flavor, new_flavor, source_zone, dest_zone)
       select :migration::uuid, moving.uuid, moving.host, moving.node, :host, :host, :status, :type, a.user_id, a.project_id,
         moving.flavor, :new_flavor::jsonb, moving.availability_zone, :zone
       from moving left join instance_actions a on a.instance_uuid = moving.uuid and a.request_id = :request_id and a.action = :action
       on conflict do nothing)
     select uuid from claimed`,
    {
      ...task,
      migration: migration.uuid,
      type: migration.type,
      status: migration.status,
      destination: migration.destination,
      host: migration.destination.host,
      zone: migration.destination.zone,
      new_flavor: migration.newFlavor,
      task_state: migration.taskState,
    },
  );
  return rows.length > 0;
}

/** A step of a move that begins. */
export interface MoveStep {
  /** How many were done before. */
  step: number;
  taskState: TaskState | null;
  status: MigrationStatus;
}

/**
 * Notes that the steps of a move before this one are done, and what is done now. Sent twice, it answers the same.
 * @returns false when the task has ended, another took its place, or it is further.
 */
export async function enterStep(cell: Database, task: TaskName, { step, taskState, status }: MoveStep): Promise<boolean> {
  const rows = await query(
    cell,
    `with entered as (
       update instances i set task_state = :task_state, updated_at = now(),
         task = jsonb_set(i.task, '{move,step}', to_jsonb(:step::int)) || jsonb_build_object('asked_at', now(), 'due_at', null)
       where ${named} and (i.task->'move'->>'step')::int in (:step::int - 1, :step::int)
       returning i.uuid),
     recorded as (
       update migrations m set status = :status, updated_at = now() from entered where m.instance_uuid = entered.uuid and m.outcome is null)
     select uuid from entered`,
    { ...task, step, task_state: taskState, status },
  );
  return rows.length > 0;
}

/** What a move leaves. */
export interface MoveEnd {
  /** null leaves it as it is; `by power` is what a server is by whether it runs. */
  vmState: VmState | 'by power' | null;
  status: MigrationStatus;
  /** On which of its hosts, and with which flavor, the server is. */
  on: 'source' | 'destination';
  /** null while the other may have it, too. */
  outcome: MoveOutcome | null;
  /** Whether the guest was launched anew. */
  launched: boolean;
  /** Why it failed; null when it did not. */
  failure: string | null;
}

/** What is left to do of a move that ended in its cell; all null where it had claimed no host. */
export interface MoveToSettle {
  /** uuid of the migration. */
  migration: string | null;
  outcome: MoveOutcome | null;
  /** That of the server now. */
  flavor: InstanceFlavor | null;
}

/**
 * Ends the task of a move, with a fault when it failed. A server that never claimed a host stays where it is.
 * @returns what the api database is to do; undefined when the task has ended before, or another took its place.
 */
export async function endMove(cell: Database, task: TaskName, end: MoveEnd): Promise<MoveToSettle | undefined> {
  const [ended] = await query<MoveToSettle>(
    cell,
    `with
     -- The server, which nobody else changes meanwhile, and its migration.
     moving as (
       select i.id, i.uuid, i.power_state, case when :on = 'source' then m.old_flavor else m.new_flavor end as flavor,
         case when :on = 'source' then source_compute else dest_compute end as on_host,
         case when :on = 'source' then source_zone else dest_zone end as zone, m.uuid as migration
       from instances i left join migrations m on m.instance_uuid = i.uuid and m.outcome is null
       where ${named} for update of i),
     -- It is where the move leaves it.
     ended as (
       update instances i set task_state = null, task = null, updated_at = now(),
         vm_state = case when :vm_state = 'by power' then case when i.power_state = 4 then 'stopped' else 'active' end else coalesce(:vm_state, i.vm_state) end,
         host = coalesce(on_host, i.host), node = coalesce(on_host, i.node), availability_zone = coalesce(zone, i.availability_zone),
         launched_at = case when :launched then now() else i.launched_at end,
         memory_mb = coalesce((flavor->>'memory_mb')::int, i.memory_mb), vcpus = coalesce((flavor->>'vcpus')::int, i.vcpus),
         root_gb = coalesce((flavor->>'root_gb')::int, i.root_gb), ephemeral_gb = coalesce((flavor->>'ephemeral_gb')::int, i.ephemeral_gb),
         instance_type_id = coalesce((flavor->>'id')::int, i.instance_type_id)
       from moving where i.id = moving.id
       returning i.uuid, i.host, moving.migration, moving.flavor, end_action(i.uuid, :request_id, :action, :message, :details)),
     -- With the flavor that it has there.
     extra as (
       update instance_extra e set flavor = ended.flavor - 'id', updated_at = now() from ended where e.instance_uuid = ended.uuid and ended.flavor is not null),
     -- The record of the move.
     recorded as (
       update migrations m set status = :status, outcome = :outcome, updated_at = now() from ended where m.uuid = ended.migration),
     -- Why it failed.
     fault as (
       insert into instance_faults (instance_uuid, code, message, details, host)
       select uuid, 500, left(:fault, 255), :details, host from ended where :details::text is not null)
     select migration, :outcome::text as outcome, flavor - 'id' as flavor from ended`,
    {
      ...task,
      on: end.on,
      vm_state: end.vmState,
      status: end.status,
      outcome: end.outcome,
      launched: end.launched,
      message: end.failure === null ? null : 'Error',
      fault: end.failure?.split('\n')[0] ?? null,
      details: end.failure,
    },
  );
  return ended;
}
