/** What becomes of a server when its host has started anew: Nova's `_init_instance`, by the server's states and the state of its guest then. */
import type { TaskState, VmState } from '../../database/servers/document.ts';
import { paused, running } from '../servers/power-states.ts';

/** Building and rebuilding do not survive; what only read is given up; what was done is over; what was not is asked for again. */
export type Recovery =
  | { does: 'fail' | 'clear' | 'activate' | 'repeat' }
  /** The reboot that was under way, of this type. */
  | { does: 'reboot'; type: 'SOFT' | 'HARD' };

/** A server as its row has it, and its guest as its host has it. */
export interface Interrupted {
  vm_state: VmState;
  task_state: TaskState | null;
  guest_state: number;
}

const building = new Set<TaskState | null>(['scheduling', 'networking', 'block_device_mapping', 'spawning']);
const rebuilding = new Set<TaskState | null>(['rebuilding', 'rebuild_block_device_mapping', 'rebuild_spawning']);
const reading = new Set<TaskState | null>([
  ...(['image_snapshot_pending', 'image_pending_upload', 'image_uploading', 'image_snapshot', 'resize_prep'] as const),
]);
const softReboot = new Set<TaskState | null>(['rebooting', 'reboot_pending', 'reboot_started']);
const startedReboot = new Set<TaskState | null>(['rebooting', 'rebooting_hard', 'reboot_started', 'reboot_started_hard']);
/** vm_states.ALLOW_HARD_REBOOT */
const hardRebootable = new Set<VmState>(['active', 'stopped', 'paused', 'suspended', 'error']);

/** Returns what becomes of a server in a task; null for nothing: then its task ends as if the host had not started, when it is due. */
export function recoveryOf({ vm_state, task_state, guest_state }: Interrupted): Recovery | null {
  if (vm_state === 'soft-delete' || vm_state === 'error') return null;
  if (vm_state === 'building' || building.has(task_state)) return { does: 'fail' };
  if ((vm_state === 'active' || vm_state === 'stopped') && rebuilding.has(task_state)) return { does: 'fail' };
  if (reading.has(task_state)) return { does: 'clear' };
  const pending =
    (task_state === 'reboot_pending' && vm_state === 'active') || (task_state === 'reboot_pending_hard' && hardRebootable.has(vm_state));
  if (pending || (startedReboot.has(task_state) && guest_state !== running)) {
    return { does: 'reboot', type: guest_state === running && softReboot.has(task_state) ? 'SOFT' : 'HARD' };
  }
  const transient = startedReboot.has(task_state) || task_state === 'pausing' || task_state === 'unpausing';
  if (transient && guest_state === running) return { does: 'activate' };
  if (task_state === 'unpausing' && guest_state === paused) return { does: 'repeat' };
  if (task_state === 'powering-off' || task_state === 'powering-on') return { does: 'repeat' };
  return null;
}
