/**
 * A server as the databases hold it: one document with Nova's column names and all relations. A build request carries it before the server has a
 * cell, a cell database spreads it over its tables and returns it in the same shape; so a reader of a server need not know where it is.
 */
import type { Parameter } from '../data-api/client.ts';
import type { BlockDeviceMapping, InstanceRow } from './columns.ts';
import type { Owner } from './ownership.ts';

/** The flavor as it was when the server was booted. */
export interface InstanceFlavor {
  flavorid: string;
  name: string;
  memory_mb: number;
  vcpus: number;
  root_gb: number;
  ephemeral_gb: number;
  swap: number;
  extra_specs: Record<string, string>;
}

/** A condition over the document `doc` of a server, with its parameters. */
export interface DocumentFilter {
  sql: string;
  parameters: Readonly<Record<string, Parameter>>;
}

/** Why a server is in ERROR. `details` is for admins. */
export interface InstanceFault {
  code: number;
  message: string;
  details: string;
  created_at: string;
}

/** What has become of a server, in Nova's words. */
export const vmStates = [
  ...(['building', 'active', 'stopped', 'paused', 'suspended', 'rescued', 'resized', 'error'] as const),
  ...(['deleted', 'soft-delete', 'shelved', 'shelved_offloaded'] as const),
] as const;
export type VmState = (typeof vmStates)[number];

/** What is being done to a server, in Nova's words. */
export const taskStates = [
  ...([
    'scheduling',
    'networking',
    'block_device_mapping',
    'spawning',
    'updating_password',
    'migrating',
    'soft-deleting',
    'restoring',
  ] as const),
  ...(['powering-on', 'powering-off', 'pausing', 'unpausing', 'suspending', 'resuming', 'rescuing', 'unrescuing'] as const),
  ...(['rebooting', 'reboot_pending', 'reboot_started', 'rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard'] as const),
  ...(['image_snapshot_pending', 'image_snapshot', 'image_backup', 'image_pending_upload', 'image_uploading'] as const),
  ...(['rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning'] as const),
  ...(['resize_prep', 'resize_migrating', 'resize_migrated', 'resize_finish', 'resize_reverting'] as const),
] as const;
export type TaskState = (typeof taskStates)[number];

/** What a client changes of a server's own row. */
export const changeableColumns = [
  ...(['display_name', 'display_description', 'hostname', 'access_ip_v4', 'access_ip_v6', 'auto_disk_config'] as const),
];

/** New values of some of them. */
export type InstanceChanges = Partial<Pick<InstanceRow, (typeof changeableColumns)[number]>>;

/** What a row has once it is written into a cell. */
type CellColumn = 'id' | keyof Owner;

/**
 * What a client sends for the inside of a guest: a password and files. They stand in the server's row from acceptance until its host has begun to build it, or
 * the build has ended; who only shows a server does not read them.
 */
export interface GuestSecrets {
  /** Them, sealed (compute/servers/secrets.ts); gone once the host has begun. */
  sealed?: string;
  /** The client sent some itself: without them the server is not what was asked for. */
  required?: true;
}

/**
 * A server: its row with all that belongs to it. Until a cell has it, it is what was accepted with the initial values of the other columns.
 */
export interface Instance extends Omit<InstanceRow, CellColumn | 'secrets'>, Partial<Pick<InstanceRow, CellColumn>> {
  vm_state: VmState;
  task_state: TaskState | null;
  flavor: InstanceFlavor;
  metadata: Record<string, string>;
  system_metadata: Record<string, string>;
  tags: string[];
  block_device_mappings: BlockDeviceMapping[];
  security_groups: string[];
  /** Ids of the certificates by which the image may be signed; null or absent for none. */
  trusted_certs?: string[] | null;
  /** What the client asked of the scheduler, as far as it is shown; absent until a cell has the server, null where a release before this was noted wrote it. */
  request_spec?: ShownRequestSpec | null;
  fault: InstanceFault | null;
  /** Absent where a server is shown. */
  secrets?: GuestSecrets | null;
  /** What Nova says of the host by its compute service; '' without one, absent until a cell has the server. */
  host_status?: 'DOWN' | 'MAINTENANCE' | 'UP' | '';
}

/** What a client asked of the scheduler, as far as a server shows it. */
export interface ShownRequestSpec {
  /** The zone that it named. */
  availability_zone: string | null;
  scheduler_hints: Record<string, string[]>;
  /** uuid of the server group that it joined, which may have been deleted since. */
  group: string | null;
}

/** An event of an action as a cell records it; times are ISO 8601. */
export interface RecordedEvent {
  event: string;
  start_time: string;
  finish_time: string | null;
  result: 'Success' | 'Error' | null;
  details: string | null;
  /** null for now, as it is written. */
  created_at?: string | null;
}

/** What was done to a server, as a cell records it, with its events, the newest first. */
export interface RecordedAction {
  action: string;
  request_id: string;
  user_id: string | null;
  project_id: string | null;
  start_time: string;
  finish_time: string | null;
  message: string | null;
  /** null for now, as it is written. */
  created_at?: string | null;
  updated_at?: string | null;
  events: RecordedEvent[];
}

/** The `create` action of a server that is being built, or was: each try is an event. */
export interface CreateAction extends RecordedAction {
  events: [RecordedEvent, ...RecordedEvent[]];
}
