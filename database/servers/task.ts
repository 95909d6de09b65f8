/**
 * A task: what an action does to a server, from the statement that accepts it to the one that ends it. It stands in the server's row and is named by its
 * action, the request that asked for it and an attempt, which grows whenever a host is asked again: a report that names another task or an earlier
 * attempt changes nothing. Who deletes the server, or begins another task as Nova allows it, takes its place.
 */

import type { Move } from './move.ts';

/** Which task, of which server. */
export interface TaskName {
  server: string;
  /** As it is recorded among the server's actions. */
  action: string;
  request_id: string;
  attempt: number;
}

/** A task as its server's row has it. */
export interface Task extends Omit<TaskName, 'server'> {
  /** What the host needs to know beside the server. */
  arguments: Readonly<Record<string, string>>;
  /** How far it is, where it takes the server to another flavor or host; absent in a task of a release before this one. */
  move?: Move | null;
  /** Of a build: the hosts to try when this one goes down. */
  alternates?: string[];
  /** When the host was asked in this attempt; ISO 8601. */
  asked_at: string;
  /** When its end is overdue, once the host has begun; ISO 8601. */
  due_at: string | null;
  /** Generation of the note that was made before it was accepted; a release before this one wrote none. */
  note?: number;
}
