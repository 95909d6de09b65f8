/** What is being done to servers of a cell. */
import { type Database, query } from '../data-api/client.ts';
import type { TaskState } from '../servers/document.ts';

/** A server in a task. */
export interface ServerInTask {
  server: string;
  name: string | null;
  project: string;
  host: string | null;
  task_state: TaskState | null;
  action: string;
  request_id: string;
  attempt: number;
  /** When the host was asked. */
  asked: string;
  /** When the host is due; null while it has not begun. */
  due: string | null;
}

/** Tasks that one answer of the Data API holds. */
const mostRows = 1_000;

/** Returns the tasks of those servers that are in one, the longest under way first, and no more than 1,000. */
export async function listTasks(cell: Database, servers: readonly string[]): Promise<ServerInTask[]> {
  return query<ServerInTask>(
    cell,
    `select uuid as server, display_name as name, project_id as project, host, task_state, task->>'action' as action,
       task->>'request_id' as request_id, (task->>'attempt')::int as attempt, (task->>'asked_at')::timestamptz as asked,
       (task->>'due_at')::timestamptz as due
     from instances
     where uuid = any (array(select jsonb_array_elements_text(:servers::jsonb)::uuid)) and deleted = 0 and task is not null
     order by asked, uuid limit ${mostRows}`,
    { servers },
  );
}
