/**
 * What changes a living server on its host, as Nova's compute API and its compute manager have it: which servers accept an action, what its host is asked,
 * and what it leaves. An action that fails leaves a fault; most leave the server's state as it is.
 */
import { taskStates, type VmState, vmStates } from '../../../database/servers/document.ts';
import type { OperationName } from '../../hosts/drivers/driver.ts';
import { paused, running, shutDown, suspended } from '../power-states.ts';
import type { AcceptedAction } from './accept-task.ts';

/** An action of a server. */
export interface ServerAction extends AcceptedAction {
  /** What its host is asked. */
  operation: OperationName;
  /** How the host shall do it. */
  manner?: Readonly<Record<string, string>>;
  /** Whether what the host is asked holds a secret. */
  secret?: true;
  /** What it leaves; what is not named stays as it is. */
  after: { vm_state?: VmState; power_state?: number; launched?: true };
  /** What it leaves when it fails. */
  failed: 'unchanged' | 'error';
  /** Seconds that a host has for it, beside what the guest has to shut down in order where it does. */
  time: number;
  shutsDown?: true;
  /** Whether its host makes the disk anew, and so must know the whole server. */
  makesDisk?: true;
  /** Whether it makes an image, which is active when it ends and gone when it fails. */
  makesImage?: true;
}

/** What most actions ask. */
const usual = { unlocked: true, hosted: false, taskStates: [null], failed: 'unchanged', time: 60 } as const;

const reboot = { ...usual, word: 'reboot', recorded: 'reboot', event: 'compute_reboot_instance', operation: 'reboot' } as const;
/** A lock does not guard what changes nothing of the server; a disk may take an hour to be read and uploaded. */
const snapshot = {
  ...usual,
  unlocked: false,
  imageBacked: true,
  vmStates: ['active', 'stopped', 'paused', 'suspended'],
  operation: 'snapshot',
  makesImage: true,
  time: 3_600,
  after: {},
} as const;
const active = { vm_state: 'active', power_state: running } as const;

const rebuild = {
  ...usual,
  word: 'rebuild',
  recorded: 'rebuild',
  event: 'compute_rebuild_instance',
  vmStates: ['active', 'stopped', 'error'],
  taskState: 'rebuilding',
  operation: 'rebuild',
  makesDisk: true,
  secret: true,
  time: 600,
  shutsDown: true,
  failed: 'error',
} as const;

/** The actions by name; the two reboots of Nova's one action are two here. */
export const serverActions = {
  start: {
    ...{ ...usual, word: 'start', recorded: 'start', event: 'compute_start_instance' },
    ...{ vmStates: ['stopped'], hosted: true, inCellOnly: true },
    ...{ taskState: 'powering-on', operation: 'power_on', after: active },
  },
  stop: {
    ...{ ...usual, word: 'stop', recorded: 'stop', event: 'compute_stop_instance' },
    ...{ vmStates: ['active', 'error'], hosted: true, inCellOnly: true },
    ...{ taskState: 'powering-off', operation: 'power_off', shutsDown: true, after: { vm_state: 'stopped', power_state: shutDown } },
  },
  softReboot: {
    ...{ ...reboot, vmStates: ['active'], taskState: 'rebooting', manner: { type: 'SOFT' }, shutsDown: true, after: active },
  },
  hardReboot: {
    ...{ ...reboot, vmStates: ['active', 'stopped', 'paused', 'suspended', 'error'] },
    // task_states.ALLOW_REBOOT
    taskStates: [
      ...([null, 'rebooting', 'reboot_pending', 'reboot_started', 'resuming'] as const),
      ...(['rebooting_hard', 'unpausing', 'pausing', 'suspending'] as const),
    ],
    ...{ taskState: 'rebooting_hard', manner: { type: 'HARD' }, after: active, failed: 'error' },
  },
  pause: {
    ...{ ...usual, word: 'pause', recorded: 'pause', event: 'compute_pause_instance' },
    ...{ vmStates: ['active'], taskState: 'pausing', operation: 'pause', after: { vm_state: 'paused', power_state: paused } },
  },
  unpause: {
    ...{ ...usual, word: 'unpause', recorded: 'unpause', event: 'compute_unpause_instance' },
    ...{ vmStates: ['paused'], taskState: 'unpausing', operation: 'unpause', after: active },
  },
  suspend: {
    ...{ ...usual, word: 'suspend', recorded: 'suspend', event: 'compute_suspend_instance' },
    ...{ vmStates: ['active'], taskState: 'suspending', operation: 'suspend', time: 300 },
    ...{ after: { vm_state: 'suspended', power_state: suspended }, failed: 'error' },
  },
  resume: {
    ...{ ...usual, word: 'resume', recorded: 'resume', event: 'compute_resume_instance' },
    ...{ vmStates: ['suspended'], taskState: 'resuming', operation: 'resume', time: 300, after: active, failed: 'error' },
  },
  rescue: {
    ...{ ...usual, word: 'rescue', recorded: 'rescue', event: 'compute_rescue_instance' },
    ...{ vmStates: ['active', 'stopped', 'error'], taskState: 'rescuing', operation: 'rescue', secret: true, time: 600 },
    ...{ after: { vm_state: 'rescued', power_state: running, launched: true }, failed: 'error' },
  },
  unrescue: {
    ...{ ...usual, word: 'unrescue', recorded: 'unrescue', event: 'compute_unrescue_instance' },
    ...{ vmStates: ['rescued'], taskState: 'unrescuing', operation: 'unrescue', time: 600, after: active, failed: 'error' },
  },
  rebuild: { ...rebuild, manner: { type: 'ACTIVE' }, after: { ...active, launched: true } },
  /** Of a server that is to be left stopped, as it was. */
  rebuildStopped: { ...rebuild, manner: { type: 'STOPPED' }, after: { vm_state: 'stopped', power_state: shutDown, launched: true } },
  changePassword: {
    ...{ ...usual, word: 'changePassword', recorded: 'changePassword', event: 'compute_set_admin_password' },
    ...{ vmStates: ['active'], taskState: 'updating_password', operation: 'set_admin_password', secret: true, after: {} },
  },
  triggerCrashDump: {
    ...{ ...usual, word: 'trigger_crash_dump', recorded: 'trigger_crash_dump', event: 'compute_trigger_crash_dump' },
    ...{ vmStates: ['active', 'paused', 'rescued', 'resized', 'error'], hosted: true, inCellOnly: true },
    ...{ taskState: null, operation: 'trigger_crash_dump', after: {} },
  },
  createImage: {
    ...{ ...snapshot, word: 'createImage', recorded: 'createImage', event: 'compute_snapshot_instance' },
    taskState: 'image_snapshot',
  },
  createBackup: {
    ...{ ...snapshot, word: 'createBackup', recorded: 'createBackup', event: 'compute_backup_instance' },
    taskState: 'image_backup',
  },
  // A delete where deleted servers may be restored. One that two hosts may have is deleted at once.
  softDelete: {
    ...{ ...usual, word: 'delete', recorded: 'delete', event: 'compute_soft_delete_instance' },
    vmStates: vmStates.filter((state) => state !== 'resized'),
    taskStates: [null, ...taskStates.filter((state) => state !== 'soft-deleting' && !state.startsWith('resize_'))],
    ...{ taskState: 'soft-deleting', operation: 'soft_delete', after: { vm_state: 'soft-delete', power_state: shutDown } },
  },
  restore: {
    ...{ ...usual, word: 'restore', recorded: 'restore', event: 'compute_restore_instance' },
    ...{ vmStates: ['soft-delete'], taskState: 'restoring', operation: 'restore', after: active },
  },
} as const satisfies Readonly<Record<string, ServerAction>>;

/** The name of an action. */
export type ServerActionName = keyof typeof serverActions;

/** Returns what a task does, by the action that is recorded and how its host shall do it; undefined for one of a later version. */
export function actionOf(action: string, type: string | undefined): ServerAction | undefined {
  const actions: ServerAction[] = Object.values(serverActions);
  return actions.find(({ recorded, manner }) => recorded === action && (manner?.type === undefined || manner.type === type));
}
