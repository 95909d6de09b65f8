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
  vmStates: readonly VmState[];
  taskStates: readonly (TaskState | null)[];
}

/** A task that shall begin, and who asks for it. */
export interface NewTask extends Omit<TaskName, 'attempt'> {
  /** Name of the event that records how it went on the host. */
  event: string;
  taskState: TaskState | null;
  arguments: Task['arguments'];
  /** Generation of its note in the api database. */
  note: number;
  userId: string;
  projectId: string;
}

/** A server as an action found it, and whether the task has begun. */
export interface FoundServer {
  host: string | null;
  fencing_token: number;
  vm_state: VmState;
  task_state: TaskState | null;
  locked: boolean;
  launched_at: string | null;
  accepted: boolean;
}

/**
 * Begins a task if the server is as it must be, on a host, and was launched: sets the task state, and adds the action with its event. A task whose place it takes
 * ends with an error. Sent twice, it answers the same.
 * @returns undefined when the cell does not know the server.
 */
export async function beginTask(cell: Database, task: NewTask, precondition: Precondition): Promise<FoundServer | undefined> {
  const [found] = await query<FoundServer>(
    cell,
    `with
     -- The server, which nobody else changes meanwhile, and whether an earlier sending has begun the task.
     found as (
       select *, coalesce(task->>'request_id' = :request_id and task->>'action' = :action, false) as sent_before
       from instances where uuid = :server::uuid and deleted = 0 for update),
     -- Its task from now on.
     accepted as (
       update instances i set task_state = :task_state, progress = 0, updated_at = now(),
         task = jsonb_build_object('action', :action, 'request_id', :request_id, 'attempt', 1, 'arguments', :arguments::jsonb,
           'asked_at', now(), 'due_at', null, 'note', :note::int)
       from found
       where i.id = found.id and not sent_before and not (found.locked and :unlocked) and found.host is not null
         and found.vm_state in (select jsonb_array_elements_text(:vm_states::jsonb))
         and coalesce(found.task_state, '') in (select coalesce(value, '') from jsonb_array_elements_text(:task_states::jsonb) value)
         and found.launched_at is not null
       returning i.uuid, found.host, ${endReplacedAction}),
     -- Its record among the server's actions
     action as (
       insert into instance_actions (instance_uuid, action, request_id, user_id, project_id, start_time, updated_at)
       select uuid, :action, :request_id, :user_id, :project_id, now(), now() from accepted
       on conflict do nothing
       returning id),
     -- with its event on the host.
     event as (
       insert into instance_actions_events (action_id, event, start_time, host) select action.id, :event, now(), accepted.host from action, accepted)
     select host, fencing_token, vm_state, task_state, locked, launched_at, sent_before or exists (select from accepted) as accepted from found`,
    {
      server: task.server,
      action: task.action,
      event: task.event,
      request_id: task.request_id,
      task_state: task.taskState,
      arguments: task.arguments,
      note: task.note,
      user_id: task.userId,
      project_id: task.projectId,
      unlocked: precondition.unlocked,
      vm_states: precondition.vmStates,
      task_states: precondition.taskStates,
      ...replacedBy('Another action took its place.'),
    },
  );
  return found;
}

const named = `uuid = :server::uuid and deleted = 0 and task->>'request_id' = :request_id and task->>'action' = :action
  and (task->>'attempt')::int = :attempt::int`;

/**
 * Notes that the host has begun a task, and until when it may take.
 * @returns false when the task has ended, or was begun again by another.
 */
export async function noteBegun(cell: Database, task: TaskName, dueAt: string): Promise<boolean> {
  const rows = await query(
    cell,
    `update instances set task = task || jsonb_build_object('due_at', :due_at::timestamptz) where ${named} returning uuid`,
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
       update instances i set vm_state = coalesce(:vm_state, vm_state), power_state = coalesce(:power_state, power_state), task_state = null, task = null,
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

/** SQL that ends the action of the task of a server `i` that a CTE `found` has; it needs the parameters of `replacedBy`. */
export const endReplacedAction = `end_action(i.uuid, found.task->>'request_id', found.task->>'action', :message, :details)`;

/** Returns the parameters that say why a task could not go on. */
export function replacedBy(why: string): { message: string; details: string } {
  return { message: 'Error', details: why };
}
