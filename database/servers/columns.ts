/**
 * The columns of a server's row, declared once. The type of a row and of the document, what a cell writes, what a build request stands for, the keys that
 * lists are sorted by and the filters that they have all follow from here; a new column is a line here and a migration, and stands in the view if it is shown.
 */
import type { Task } from './task.ts';

/** Who may use a filter: everybody, admins alone, or everybody since a change of the API (lambdas/api/compute/microversions.ts) and admins before. */
export type FilterUse = 'everybody' | 'admins' | 'openFilters' | 'hostnames';

/** A column as PostgreSQL has it, and how lists use it. */
export interface Column {
  type: 'bigint' | 'boolean' | 'integer' | 'jsonb' | 'text' | 'timestamptz' | 'uuid';
  nullable?: true;
  /** Its value in every server that is accepted; the others come with the request, or are given where the row is written. */
  initial?: string | number | boolean | null;
  /** The change of the API with which lists may be sorted and filtered by it; without one, they always may. */
  since?: 'lockedReason';
  /** Who may sort by it; without it nobody. */
  sort?: 'everybody' | 'admins';
  /** Filters for one value, by Nova's name: a boolean's is a word for yes or no. */
  exact?: Readonly<Record<string, FilterUse>>;
  /** Filters by a regular expression, by Nova's name. */
  pattern?: Readonly<Record<string, FilterUse>>;
}

/** In the order of Nova's table; sort keys and filters are those of the schema of its lists. */
const instances = {
  id: { type: 'bigint' },
  uuid: { type: 'uuid', sort: 'everybody', exact: { uuid: 'admins' } },
  user_id: { type: 'text', sort: 'everybody', exact: { user_id: 'openFilters' } },
  // Filters by project are part of whose servers are listed.
  project_id: { type: 'text', sort: 'everybody' },
  image_ref: { type: 'text', nullable: true, sort: 'everybody', exact: { image_ref: 'admins', image: 'everybody' } },
  kernel_id: { type: 'text', nullable: true, initial: '', sort: 'everybody', pattern: { kernel_id: 'admins' } },
  ramdisk_id: { type: 'text', nullable: true, initial: '', sort: 'everybody', pattern: { ramdisk_id: 'admins' } },
  hostname: { type: 'text', nullable: true, sort: 'everybody', pattern: { hostname: 'hostnames' } },
  display_name: { type: 'text', nullable: true, sort: 'everybody', pattern: { name: 'everybody', display_name: 'admins' } },
  display_description: {
    ...({ type: 'text', nullable: true, sort: 'everybody' } as const),
    pattern: { description: 'admins', display_description: 'admins' },
  },
  launch_index: { type: 'integer', sort: 'everybody', pattern: { launch_index: 'admins' } },
  key_name: { type: 'text', nullable: true, sort: 'everybody', pattern: { key_name: 'openFilters' } },
  key_data: { type: 'text', nullable: true },
  power_state: { type: 'integer', initial: 0, sort: 'everybody', pattern: { power_state: 'openFilters' } },
  vm_state: { type: 'text', initial: 'building', sort: 'everybody', exact: { vm_state: 'openFilters' } },
  task_state: { type: 'text', nullable: true, initial: 'scheduling', sort: 'everybody', exact: { task_state: 'openFilters' } },
  memory_mb: { type: 'integer' },
  vcpus: { type: 'integer' },
  root_gb: { type: 'integer' },
  ephemeral_gb: { type: 'integer' },
  host: { type: 'text', nullable: true, initial: null, sort: 'admins', exact: { host: 'admins' } },
  node: { type: 'text', nullable: true, initial: null, sort: 'admins', pattern: { node: 'admins' } },
  // The host when the row was written.
  launched_on: { type: 'text', nullable: true, initial: null },
  instance_type_id: { type: 'integer', nullable: true, sort: 'everybody' },
  user_data: { type: 'text', nullable: true },
  reservation_id: { type: 'text', pattern: { reservation_id: 'everybody' } },
  launched_at: { type: 'timestamptz', nullable: true, initial: null, sort: 'everybody', pattern: { launched_at: 'openFilters' } },
  terminated_at: { type: 'timestamptz', nullable: true, initial: null, sort: 'everybody', pattern: { terminated_at: 'openFilters' } },
  availability_zone: { type: 'text', nullable: true, sort: 'everybody', pattern: { availability_zone: 'openFilters' } },
  locked: { type: 'boolean', initial: false, since: 'lockedReason', sort: 'everybody', exact: { locked: 'everybody' } },
  locked_by: { type: 'text', nullable: true, initial: null, sort: 'everybody', pattern: { locked_by: 'admins' } },
  root_device_name: { type: 'text', nullable: true, initial: null, sort: 'everybody', pattern: { root_device_name: 'admins' } },
  config_drive: { type: 'text', nullable: true, sort: 'everybody', pattern: { config_drive: 'openFilters' } },
  access_ip_v4: { type: 'text', nullable: true, sort: 'everybody', pattern: { access_ip_v4: 'admins' } },
  access_ip_v6: { type: 'text', nullable: true, sort: 'everybody', pattern: { access_ip_v6: 'admins' } },
  auto_disk_config: { type: 'boolean', nullable: true, sort: 'everybody', pattern: { auto_disk_config: 'admins' } },
  progress: { type: 'integer', initial: 0, sort: 'everybody', pattern: { progress: 'openFilters' } },
  created_at: { type: 'timestamptz', sort: 'everybody', pattern: { created_at: 'openFilters' } },
  updated_at: { type: 'timestamptz', nullable: true, initial: null, sort: 'everybody' },
  deleted_at: { type: 'timestamptz', nullable: true, initial: null },
  deleted: { type: 'bigint', initial: 0 },
  // Ours: who wrote the row (ownership.ts), and what is being done to the server (task.ts).
  execution: { type: 'text', nullable: true },
  fencing_token: { type: 'integer' },
  task: { type: 'jsonb', nullable: true, initial: null },
  // Ours: what its host must know before it has begun; readers of servers leave it out.
  secrets: { type: 'jsonb', nullable: true },
  // Ours: the request that changed metadata or tags last.
  changed_by: { type: 'text', nullable: true, initial: null },
} as const satisfies Readonly<Record<string, Column>>;

/** The name of a column of `instances`. */
export type InstanceColumn = keyof typeof instances;

/** All columns of `instances` that are used; Nova has more. */
export const instanceColumns: ReadonlyMap<InstanceColumn, Column> = new Map(Object.entries(instances) as [InstanceColumn, Column][]);

/** What JSON makes of a column; timestamps are ISO 8601 with an offset. */
type Value<C extends Column> =
  | { bigint: number; boolean: boolean; integer: number; jsonb: Task; text: string; timestamptz: string; uuid: string }[C['type']]
  | (C extends { nullable: true } ? null : never);

/** A row of a table with these columns. */
type Row<Columns extends Readonly<Record<string, Column>>> = { -readonly [Name in keyof Columns]: Value<Columns[Name]> };

/** A row of `instances`. */
export type InstanceRow = Row<typeof instances>;

/** The columns that do not depend on the request. */
export type InitialColumn = {
  [Name in InstanceColumn]: (typeof instances)[Name] extends { initial: unknown } ? Name : never;
}[InstanceColumn];

/** Their values. */
export const initialValues = Object.fromEntries(
  [...instanceColumns].flatMap(([name, { initial }]) => (initial === undefined ? [] : [[name, initial]])),
);

/** A disk of a server; volumes are stored and shown, no volume service stands behind them yet. */
const blockDevices = {
  uuid: { type: 'uuid' },
  source_type: { type: 'text', nullable: true },
  destination_type: { type: 'text', nullable: true },
  guest_format: { type: 'text', nullable: true },
  device_type: { type: 'text', nullable: true },
  disk_bus: { type: 'text', nullable: true },
  boot_index: { type: 'integer', nullable: true },
  device_name: { type: 'text', nullable: true },
  delete_on_termination: { type: 'boolean' },
  snapshot_id: { type: 'text', nullable: true },
  volume_id: { type: 'text', nullable: true },
  volume_size: { type: 'integer', nullable: true },
  volume_type: { type: 'text', nullable: true },
  image_id: { type: 'text', nullable: true },
  tag: { type: 'text', nullable: true },
} as const satisfies Readonly<Record<string, Column>>;

/** A row of `block_device_mapping`. */
export type BlockDeviceMapping = Row<typeof blockDevices>;

/** The columns of `block_device_mapping` that are used, beside the server's. */
export const blockDeviceColumns: ReadonlyMap<keyof typeof blockDevices, Column> = new Map(
  Object.entries(blockDevices) as [keyof typeof blockDevices, Column][],
);
