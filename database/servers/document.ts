/**
 * A server as the databases hold it: one document with Nova's column names and all relations. A build request carries it before the server has a
 * cell, a cell database spreads it over its tables and returns it in the same shape; so a reader of a server need not know where it is.
 */
import type { Parameter } from '../data-api/client.ts';

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

/** One disk of a server; volumes are stored and shown, no volume service stands behind them yet. */
export interface BlockDeviceMapping {
  uuid: string;
  source_type: string;
  destination_type: string;
  boot_index: number | null;
  device_name: string | null;
  delete_on_termination: boolean;
  image_id: string | null;
  snapshot_id: string | null;
  volume_id: string | null;
  volume_size: number | null;
  volume_type: string | null;
  guest_format: string | null;
  device_type: string | null;
  disk_bus: string | null;
  tag: string | null;
}

/** Why a server is in ERROR. `details` is for admins. */
export interface InstanceFault {
  code: number;
  message: string;
  details: string;
  created_at: string;
}

/** What has become of a server, in Nova's words. */
export type VmState =
  | ('building' | 'active' | 'stopped' | 'paused' | 'suspended' | 'rescued' | 'resized' | 'error')
  | ('deleted' | 'soft-delete' | 'shelved' | 'shelved_offloaded');

/** What is being done to a server, in Nova's words. */
export type TaskState =
  | ('scheduling' | 'spawning' | 'updating_password' | 'migrating')
  | ('rebooting' | 'reboot_pending' | 'reboot_started' | 'rebooting_hard' | 'reboot_pending_hard' | 'reboot_started_hard')
  | ('rebuilding' | 'rebuild_block_device_mapping' | 'rebuild_spawning')
  | ('resize_prep' | 'resize_migrating' | 'resize_migrated' | 'resize_finish' | 'resize_reverting');

/** Timestamps are ISO 8601 with an offset. `id` exists once a cell holds the server. */
export interface Instance {
  id?: number;
  uuid: string;
  user_id: string;
  project_id: string;
  image_ref: string | null;
  hostname: string;
  display_name: string;
  display_description: string | null;
  launch_index: number;
  key_name: string | null;
  key_data: string | null;
  power_state: number;
  vm_state: VmState;
  task_state: TaskState | null;
  memory_mb: number;
  vcpus: number;
  root_gb: number;
  ephemeral_gb: number;
  host: string | null;
  node: string | null;
  instance_type_id: number;
  user_data: string | null;
  reservation_id: string;
  launched_at: string | null;
  terminated_at: string | null;
  availability_zone: string | null;
  locked: boolean;
  root_device_name: string | null;
  config_drive: string | null;
  access_ip_v4: string | null;
  access_ip_v6: string | null;
  auto_disk_config: boolean;
  progress: number;
  created_at: string;
  updated_at: string | null;
  deleted: number;
  flavor: InstanceFlavor;
  metadata: Record<string, string>;
  system_metadata: Record<string, string>;
  tags: string[];
  block_device_mappings: BlockDeviceMapping[];
  security_groups: string[];
  /** Ids of the certificates by which the image may be signed; null or absent for none. */
  trusted_certs?: string[] | null;
  fault: InstanceFault | null;
}

/** The `create` action of a server with its one event, as operators read it. */
export interface CreateAction {
  request_id: string;
  event: string;
  message: string | null;
  result: 'Success' | 'Error' | null;
  details: string | null;
  start_time: string;
  finish_time: string | null;
}
