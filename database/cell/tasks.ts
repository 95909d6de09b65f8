/** Tasks in the row of their server: each change is one statement, conditional on the row, so who is late changes nothing. */
import { type Database, query } from '../data-api/client.ts';
import type { TaskState, VmState } from '../servers/document.ts';
import type { Task, TaskName } from '../servers/task.ts';

/** What an action asks of a server. */
export interface Precondition {
  /** Whether a locked server refuses. */
  unlocked: boolean;
  /** Whether one without a host says so before anything else. */
  hosted: boolean;
  /** Whether one whose root disk is a volume refuses, after its states. */
  imageBacked?: true;
  vmStates: readonly VmState[];
  taskStates: readonly (TaskState | null)[];
  /** Whether it must have a move that waits for its end, which no other task has begun. */
  resized?: boolean;
}

/** A task that shall begin, and who asks for it. */
export interface NewTask extends Omit<TaskName, 'attempt'> {
  /** Name of the event that records how it went on the host. */
  event: string;
  taskState: TaskState | null;
  arguments: Task['arguments'];
  /** Generation of its note in the api database, where something follows its end there. */
  note?: number;
  /** null for what nobody asks for. */
  userId: string | null;
  projectId: string | null;
}

/** A server as an action found it, and whether the task has begun. */
export interface FoundServer {
  host: string | null;
  fencing_token: number;
  vm_state: VmState;
  task_state: TaskState | null;
  locked: boolean;
  launched_at: string | null;
  /** Whether its root disk is a volume, where the action asks for that. */
  volume_backed?: boolean;
  accepted: boolean;
}

/** What an action changes of its server in the statement that begins it, as SQL over its row `i` and the row `found` as it was. */
export interface TaskChanges {
  /** What the server must be beside the precondition. */
  condition?: string;
  /** What its host needs to know. */
  arguments?: string;
  /** An object with what else the task keeps. */
  more?: string;
  /** Assignments to columns of its row, each with a comma before it. */
  assignments?: string;
  /** Functions that change what belongs to it, each with a comma before it. */
  functions?: string;
}

/**
 * CTEs that begin a task if the server is as it must be, on a host, and was launched: `found` is the server as it was, `accepted` as it is, if the task has
 * begun. The task state is set, the action added with its event, and a task whose place it takes ends with an error. Their parameters are those of `beginning`.
 */
export function beginTaskCtes({
  condition = 'true',
  arguments: known = ':arguments::jsonb',
  more = `'{}'::jsonb`,
  assignments = '',
  functions = '',
}: TaskChanges = {}) {
  return `
     -- The server, which nobody else changes meanwhile, and whether an earlier sending has begun the task, be it over or not.
     found as (
       select i.*, i as server, coalesce(task->>'request_id' = :request_id and task->>'action' = :action, false) or exists (
         select from instance_actions where instance_uuid = i.uuid and request_id = :request_id and action = :action) as sent_before
       from instances i where uuid = :server::uuid and deleted = 0 for update),
     -- Its task from now on.
     accepted as (
       update instances i set task_state = :task_state, progress = 0, updated_at = now(),
         task = jsonb_build_object('action', :action, 'request_id', :request_id, 'attempt', 1, 'arguments', ${known},
           'asked_at', now(), 'due_at', null, 'note', :note::int) || ${more}${assignments}
       from found
       where i.id = found.id and not sent_before and not (found.locked and :unlocked) and found.host is not null
         and found.vm_state in (select jsonb_array_elements_text(:vm_states::jsonb))
         and coalesce(found.task_state, '') in (select coalesce(value, '') from jsonb_array_elements_text(:task_states::jsonb) value)
         and found.launched_at is not null and ${condition}
       returning i.uuid, i.host, i as server, ${endReplacedAction}${functions}),
     -- Its record among the server's actions
     action as (
       insert into instance_actions (instance_uuid, action, request_id, user_id, project_id, start_time, updated_at)
       select uuid, :action, :request_id, :user_id, :project_id, now(), now() from accepted
       on conflict do nothing
       returning id),
     -- with its event on the host.
     event as (
       insert into instance_actions_events (action_id, event, start_time, host) select action.id, :event, now(), accepted.host from action, accepted)`;
}

/** Returns the parameters of the CTEs that begin a task. */
export function beginning(task: NewTask, precondition: Precondition) {
  return {
    server: task.server,
    action: task.action,
    event: task.event,
    request_id: task.request_id,
    task_state: task.taskState,
    arguments: task.arguments,
    note: task.note ?? null,
    user_id: task.userId,
    project_id: task.projectId,
    unlocked: precondition.unlocked,
    vm_states: precondition.vmStates,
    task_states: precondition.taskStates,
    ...replacedBy(replaced),
  };
}

/** SQL of whether the root disk of the server `found` is a volume. */
const onVolume = `exists (
  select from block_device_mapping
  where instance_uuid = found.uuid and deleted = 0 and boot_index = 0 and destination_type = 'volume')`;

/**
 * Begins a task, and changes nothing else of the server. Sent twice, it answers the same.
 * @returns undefined when the cell does not know the server.
 */
export async function beginTask(cell: Database, task: NewTask, precondition: Precondition): Promise<FoundServer | undefined> {
  const volumeBacked = precondition.imageBacked ? onVolume : 'false';
  const [found] = await query<FoundServer>(
    cell,
    `with ${beginTaskCtes({ condition: `not ${volumeBacked}` })}
     select host, fencing_token, vm_state, task_state, locked, launched_at, ${volumeBacked} as volume_backed,
       sent_before or exists (select from accepted) as accepted from found`,
    beginning(task, precondition),
  );
  return found;
}

const named = `uuid = :server::uuid and deleted = 0 and task->>'request_id' = :request_id and task->>'action' = :action
  and (task->>'attempt')::int = :attempt::int`;

/**
 * Notes that the host has begun a task, and until when it may take. What was sealed for the host is wiped.
 * @returns false when the task has ended, or was begun again by another.
 */
export async function noteBegun(cell: Database, task: TaskName, dueAt: string): Promise<boolean> {
  const rows = await query(
    cell,
    `update instances set task = task #- '{arguments,sealed}' || jsonb_build_object('due_at', :due_at::timestamptz) where ${named} returning uuid`,
    { ...task, due_at: dueAt },
  );
  return rows.length > 0;
}

/**
 * Takes a task that no host has begun for its next attempt.
 * @returns the attempt, and undefined when the task has ended, was begun or taken by another.
 */
export async function takeNextAttempt(cell: Database, task: TaskName): Promise<number | undefined> {
  const [taken] = await query<{ attempt: number }>(
    cell,
    `update instances set task = task || jsonb_build_object('attempt', :attempt::int + 1, 'asked_at', now())
     where ${named} and task->>'due_at' is null returning (task->>'attempt')::int as attempt`,
    { ...task },
  );
  return taken?.attempt;
}

/**
 * Takes a task for its next attempt whose host has started anew, so that it must be asked again, in this manner.
 * @returns the attempt, and undefined when the task has ended, or was taken by another.
 */
export async function takeTaskAgain(
  cell: Database,
  task: TaskName,
  { taskState, arguments: given }: Pick<NewTask, 'taskState' | 'arguments'>,
): Promise<number | undefined> {
  const [taken] = await query<{ attempt: number }>(
    cell,
    `update instances set task_state = :task_state, updated_at = now(), task = task || jsonb_build_object(
       'attempt', :attempt::int + 1, 'asked_at', now(), 'due_at', null, 'arguments', :arguments::jsonb)
     where ${named} returning (task->>'attempt')::int as attempt`,
    { ...task, task_state: taskState, arguments: given },
  );
  return taken?.attempt;
}

/** Notes how much of a task its host has done, in percent; less than was noted before changes nothing. */
export async function noteProgress(cell: Database, task: TaskName, percent: number): Promise<void> {
  await query(
    cell,
    `update instances set progress = :percent::int, updated_at = now() where ${named} and progress < :percent::int returning uuid`,
    { ...task, percent },
  );
}

/** What a task leaves. */
export interface TaskEnd {
  /** null leaves it as it is; so do the others. */
  vm_state: VmState | null;
  power_state: number | null;
  /** Whether the guest was launched anew. */
  launched: boolean;
  /** Why it failed; null when it did not. */
  failure: string | null;
}

/** A server as its task left it. */
export interface EndedTask {
  vm_state: VmState;
  /** When it was soft-deleted; null otherwise. ISO 8601. */
  deleted_at: string | null;
  /** Generation of the note of the task. */
  note: number | null;
}

/**
 * Ends a task, with a fault when it failed.
 * @returns undefined when it has ended before, or another took its place.
 */
export async function endTask(cell: Database, task: TaskName, end: TaskEnd): Promise<EndedTask | undefined> {
  const [ended] = await query<EndedTask>(
    cell,
    `with
     -- The task.
     found as (select uuid, (task->>'note')::int as note from instances where ${named} for update),
     -- The server, as the task leaves it.
     ended as (
       update instances i set vm_state = coalesce(:vm_state, vm_state), power_state = coalesce(:power_state, power_state), task_state = null, task = null, progress = 0,
         launched_at = case when :launched then now() else launched_at end, updated_at = now(),
         deleted_at = case when :vm_state::text is null then deleted_at when :vm_state = 'soft-delete' then now() end
       from found where i.uuid = found.uuid
       returning i.uuid, i.host, i.vm_state, i.deleted_at, found.note, end_action(i.uuid, :request_id, :action, :message, :details)),
     -- Why it failed.
     fault as (
       insert into instance_faults (instance_uuid, code, message, details, host)
       select uuid, 500, left(:details, 255), '', host from ended where :details::text is not null)
     select vm_state, deleted_at, note from ended`,
    {
      ...task,
      vm_state: end.vm_state,
      power_state: end.power_state,
      launched: end.launched,
      message: end.failure === null ? null : 'Error',
      details: end.failure,
    },
  );
  return ended;
}

/**
 * Ends the record of a task in which no other action was kept from taking its place: its host did it all the same.
 * @returns false when no other action did, or a report has come before.
 */
export async function endReplacedTask(cell: Database, { server, action, request_id }: TaskName, failure: string | null): Promise<boolean> {
  const rows = await query(
    cell,
    `with
     -- The action, as it was ended when it was replaced.
     replaced as (
       update instance_actions a set finish_time = now(), updated_at = now(), message = :message from instance_actions_events e
       where a.instance_uuid = :server::uuid and a.request_id = :request_id and a.action = :action and e.action_id = a.id and e.details = :replaced
       returning a.id)
     update instance_actions_events e set finish_time = now(), updated_at = now(), result = coalesce(:message, 'Success'), details = :details
     from replaced where e.action_id = replaced.id returning e.id`,
    { server, action, request_id, replaced, message: failure === null ? null : 'Error', details: failure },
  );
  return rows.length > 0;
}

const replaced = 'Another action took its place.';

/** SQL that ends the action of the task of a server `i` that a CTE `found` has; it needs the parameters of `replacedBy`. */
export const endReplacedAction = `end_action(i.uuid, found.task->>'request_id', found.task->>'action', :message, :details)`;

/** Returns the parameters that say why a task could not go on. */
export function replacedBy(why: string): { message: string; details: string } {
  return { message: 'Error', details: why };
}
