/** The status that clients read, as Nova derives it from vm_state and task_state (nova-facts 1.6). */

import type { TaskState, VmState } from '../../database/servers/document.ts';

interface Status {
  /** The status of this vm_state unless the task says otherwise. */
  otherwise: string;
  /** Statuses by task_state. */
  byTask?: Readonly<Partial<Record<TaskState, string>>>;
}

function tasks(status: string, ...names: TaskState[]): Partial<Record<TaskState, string>> {
  return Object.fromEntries(names.map((name) => [name, status]));
}

const rebuilding = tasks('REBUILD', 'rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning');
const resizing = tasks('RESIZE', 'resize_prep', 'resize_migrating', 'resize_migrated', 'resize_finish');

const statuses: Readonly<Record<VmState, Status>> = {
  building: { otherwise: 'BUILD' },
  active: {
    otherwise: 'ACTIVE',
    byTask: {
      ...tasks('REBOOT', 'rebooting', 'reboot_pending', 'reboot_started'),
      ...tasks('HARD_REBOOT', 'rebooting_hard', 'reboot_pending_hard', 'reboot_started_hard'),
      ...tasks('PASSWORD', 'updating_password'),
      ...tasks('MIGRATING', 'migrating'),
      ...rebuilding,
      ...resizing,
    },
  },
  stopped: { otherwise: 'SHUTOFF', byTask: { ...resizing, ...rebuilding } },
  resized: { otherwise: 'VERIFY_RESIZE', byTask: tasks('REVERT_RESIZE', 'resize_reverting') },
  paused: { otherwise: 'PAUSED', byTask: tasks('MIGRATING', 'migrating') },
  suspended: { otherwise: 'SUSPENDED' },
  rescued: { otherwise: 'RESCUE' },
  error: { otherwise: 'ERROR', byTask: rebuilding },
  deleted: { otherwise: 'DELETED' },
  'soft-delete': { otherwise: 'SOFT_DELETED' },
  shelved: { otherwise: 'SHELVED' },
  shelved_offloaded: { otherwise: 'SHELVED_OFFLOADED' },
};

/** Returns the status of a server. */
export function statusOf(instance: { vm_state: VmState; task_state: TaskState | null; deleted: number }): string {
  if (instance.deleted !== 0) return 'DELETED';
  // A row may hold what a later version of this service wrote.
  const status: Status | undefined = statuses[instance.vm_state];
  return (instance.task_state && status?.byTask?.[instance.task_state]) ?? status?.otherwise ?? 'UNKNOWN';
}

/** States that show as one status: a vm_state with one of `tasks`, or, where that is empty, with any task but `except`. */
export interface States {
  vm_state: string;
  tasks: string[];
  except: string[];
}

/** Returns all states that show as this status; none for a word that is no status. */
export function statesOf(name: string): States[] {
  const wanted = name.toUpperCase();
  return Object.entries(statuses).flatMap(([vm_state, { otherwise, byTask = {} }]): States[] => {
    const others = Object.keys(byTask);
    const same = Object.entries(byTask).flatMap(([task, status]) => (status === wanted ? [task] : []));
    if (otherwise === wanted) return [{ vm_state, tasks: [], except: others }];
    return same.length > 0 ? [{ vm_state, tasks: same, except: [] }] : [];
  });
}
