/** What the control plane asks of a hypervisor. Every call may come twice, and may come for a server that is gone. */
import type { TaskName } from '../../../database/servers/task.ts';

/** A server to start on a host. */
export interface SpawnRequest {
  server: string;
  host: string;
  /** That of the owner who has it started. */
  fencing_token: number;
  flavor: { vcpus: number; memory_mb: number; root_gb: number };
  image: { id: string; properties: Record<string, string> } | null;
}

/** What a host is asked to do to a server that it has, by the names of Nova's virt driver methods. */
export type OperationName =
  | ('power_on' | 'power_off' | 'reboot' | 'pause' | 'unpause' | 'suspend' | 'resume' | 'rescue' | 'unrescue')
  | ('set_admin_password' | 'trigger_crash_dump');

/** An operation of a task. */
export interface Operation {
  operation: OperationName;
  server: string;
  host: string;
  /** That of the owner who started the server there. */
  fencing_token: number;
  /** URL of the database of the server's cell, where a report is applied. */
  cell: string;
  /** Seconds that it may take. */
  time: number;
  /** The task that a report must name. */
  task: Omit<TaskName, 'server'>;
  arguments: Readonly<Record<string, string>>;
}

/** How an operation ended. */
export type Report = { result: 'success' } | { result: 'failure'; message: string };

/** The host has begun and will report, by then (ISO 8601) if it is well. */
export interface Begun {
  result: 'begun';
  due_at: string;
}

/** A driver of compute hosts. */
export interface Driver {
  /**
   * Begins an operation; one that the host has begun for the same task already is left alone.
   * @returns its end, or that the host has begun.
   * @throws when the host cannot be asked.
   */
  begin(operation: Operation): Promise<Report | Begun>;
  /** Returns what a server on the host has written to its console, as far as the host keeps it. */
  consoleOutput(host: string, server: string): Promise<string>;
  /**
   * Starts the server on the host; a server that runs there already is left alone.
   * @throws BuildFailure when this host cannot run it, BuildAborted when no host can.
   */
  spawn(request: SpawnRequest): Promise<void>;
  /**
   * Ends the server on the host, if it was started with this fencing token or an earlier one: a later owner may have it started there again.
   * Nothing happens when it is not there.
   */
  destroy(host: string, server: string, fencingToken: number): Promise<void>;
}

/** A host could not build a server. */
export class BuildFailure extends Error {
  override name = 'BuildFailure';
}

/** A server cannot be built anywhere: its image, say, is of no use. It is not tried on another host. */
export class BuildAborted extends Error {
  override name = 'BuildAborted';
}
