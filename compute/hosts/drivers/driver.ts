/**
 * What the control plane asks of hosts, and what they report. A host answers an operation with its end, or that it has begun; then its report comes later,
 * twice, out of order or never. Every operation may come twice, and for a server that is gone.
 */

import type { SnapshotContent } from '../../../database/api/snapshots.ts';
import type { ReportOfHost } from '../../../database/cell/host-reports.ts';
import { type BuildStep, buildSteps } from '../../../database/cell/instances/build.ts';
import type { InstanceFlavor } from '../../../database/servers/document.ts';
import type { TaskName } from '../../../database/servers/task.ts';
import type { SealedSecrets } from '../../servers/secrets.ts';
import type { Guest } from './guest.ts';

/** What every operation names: the server, its host, and the URL of its cell's database, so that a report needs no look-up. */
interface OnHost {
  server: string;
  host: string;
  cell: string;
  /** That of the owner who asks. */
  fencing_token: number;
}

/** Starts a server; one that runs there already is left alone, and is this owner's from then on. */
export interface Spawn extends OnHost {
  operation: 'spawn';
  guest: Guest;
  /** The password and the files for its inside; null for none. A driver that puts them there opens them itself. */
  secrets: SealedSecrets | null;
  /** What goes on when it fails; the host reports it again. */
  build: Build;
}

/** How far a build is: the execution that owns the server, the hosts to try when this one fails, and how many it has been tried on with this one. */
export interface Build {
  execution: string;
  alternates: string[];
  attempt: number;
}

/**
 * Ends a server, if it was started with this fencing token or an earlier one: a later owner may have it started there again. Succeeds when the server is not
 * there; a spawn with this token or an earlier one that comes after it starts nothing.
 */
export interface Destroy extends OnHost {
  operation: 'destroy';
}

/**
 * What a host is asked to do to a server that it has, by the names of Nova's virt driver methods. A hypervisor that can neither soft-delete nor restore powers
 * the guest off and on, as Nova has it.
 */
export const operationNames = [
  ...(['power_on', 'power_off', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'rebuild'] as const),
  ...(['set_admin_password', 'trigger_crash_dump', 'snapshot', 'soft_delete', 'restore'] as const),
  // Of a move: the source, then the destination, and back.
  ...(['migrate_disk_and_power_off', 'finish_migration', 'confirm_migration', 'revert_migration', 'finish_revert_migration'] as const),
] as const;
export type OperationName = (typeof operationNames)[number];

/** An operation of a task. */
export interface TaskOperation extends OnHost {
  operation: OperationName;
  /** Seconds that it may take. */
  time: number;
  /** The task that a report must name. */
  task: Omit<TaskName, 'server'>;
  arguments: Readonly<Record<string, string>>;
  /** The two hosts of a move, with the flavor that the server has on each. */
  move?: { source: string; destination: string; old_flavor: InstanceFlavor; new_flavor: InstanceFlavor };
  /** The server as it is to be, where its disk is made anew; null where it stays. */
  guest: Guest | null;
  /** The new password, and the files for the inside of a disk that is made anew; null for none. */
  secrets: SealedSecrets | null;
}

/** Something that a host is asked to do. */
export type Operation = Spawn | Destroy | TaskOperation;

/** How an operation ended. */
export type Report =
  /** With what a snapshot has put into its image, which the arguments of the operation name. */
  | { result: 'success'; image?: SnapshotContent | undefined }
  /** `aborted` when no host could do it: an image of no use, say. */
  | { result: 'failure'; message: string; aborted?: boolean };

/** A host has begun an operation, and is silent for too long when it has not reported its end at `due_at`, an ISO 8601 time. */
export interface Begun {
  result: 'begun';
  due_at: string;
}

/** A report that comes later, as it stands in the queue: about an operation, without what only its host must know. */
export interface LateReport {
  about:
    | Omit<Spawn, 'guest' | 'secrets'>
    | Destroy
    | (Omit<TaskOperation, 'arguments' | 'guest' | 'secrets' | 'time' | 'move'> & { arguments: { type?: string | undefined } });
  report: Report;
}

export { buildSteps };

/** How far a host is with what it has begun, by the same queue and at most once a second: the step of a build, or of another operation how much of it is done. */
export interface ProgressReport {
  about: LateReport['about'];
  progress: { step: BuildStep } | { percent: number };
}

/** What a host says of itself, by the same queue: its guests as they are, once it has started, or from time to time. */
export interface HostReport extends ReportOfHost {
  about: 'started' | 'power_states';
  /** URL of its cell's database. */
  cell: string;
}

/** A driver of compute hosts. */
export interface Driver {
  /**
   * Has a host begin an operation; one that it has begun already for the same owner or task is left alone, and reported with the latest attempt of which
   * the host was asked: a report of an earlier one changes nothing.
   * @throws Error when the host has not taken it, for certain; a driver that does not know answers that it has begun.
   */
  begin(operation: Operation): Promise<Report | Begun>;
  /** Returns what a server on the host has written to its console, as far as the host keeps it. */
  consoleOutput(host: string, server: string): Promise<string>;
}

/** A host could not build a server. */
export class BuildFailure extends Error {
  override name = 'BuildFailure';
}

/** A server cannot be built anywhere: its image, say, is of no use. It is not tried on another host. */
export class BuildAborted extends Error {
  override name = 'BuildAborted';
}
