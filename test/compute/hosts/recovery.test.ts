/** The table of what becomes of a server whose host has started anew, row by row against Nova's `_init_instance`. */
import { expect, test } from 'vitest';
import { type Recovery, recoveryOf } from '../../../compute/hosts/recovery.ts';
import { paused, running, shutDown } from '../../../compute/servers/power-states.ts';
import type { TaskState, VmState } from '../../../database/servers/document.ts';

const fail: Recovery = { does: 'fail' };
const clear: Recovery = { does: 'clear' };
const activate: Recovery = { does: 'activate' };
const repeat: Recovery = { does: 'repeat' };
const soft: Recovery = { does: 'reboot', type: 'SOFT' };
const hard: Recovery = { does: 'reboot', type: 'HARD' };

test.each<[VmState, TaskState | null, number, Recovery | null]>([
  ['building', 'scheduling', shutDown, fail],
  ['building', 'networking', shutDown, fail],
  ['building', 'block_device_mapping', shutDown, fail],
  ['building', 'spawning', running, fail],
  ['building', null, running, fail],
  ['active', 'spawning', running, fail],
  ['active', 'rebuilding', running, fail],
  ['stopped', 'rebuild_block_device_mapping', shutDown, fail],
  ['active', 'rebuild_spawning', shutDown, fail],
  ['active', 'image_snapshot', running, clear],
  ['active', 'image_snapshot_pending', running, clear],
  ['stopped', 'image_pending_upload', shutDown, clear],
  ['paused', 'image_uploading', paused, clear],
  ['active', 'resize_prep', running, clear],
  // Reboots that had not begun, and those after which the guest does not run.
  ['active', 'reboot_pending', running, soft],
  ['active', 'reboot_pending', shutDown, hard],
  ['paused', 'reboot_pending', running, null],
  ['paused', 'reboot_pending_hard', paused, hard],
  ['active', 'reboot_pending_hard', running, hard],
  ['active', 'rebooting', shutDown, hard],
  ['active', 'reboot_started', shutDown, hard],
  ['active', 'rebooting_hard', shutDown, hard],
  ['stopped', 'reboot_started_hard', shutDown, hard],
  // Those after which it runs.
  ['active', 'rebooting', running, activate],
  ['active', 'reboot_started', running, activate],
  ['stopped', 'rebooting_hard', running, activate],
  ['active', 'reboot_started_hard', running, activate],
  ['active', 'pausing', running, activate],
  ['active', 'pausing', paused, null],
  ['paused', 'unpausing', running, activate],
  ['paused', 'unpausing', paused, repeat],
  ['paused', 'unpausing', shutDown, null],
  ['active', 'powering-off', running, repeat],
  ['active', 'powering-off', shutDown, repeat],
  ['stopped', 'powering-on', shutDown, repeat],
  // Of the others Nova starts nothing again.
  ['active', null, shutDown, null],
  ['active', 'suspending', shutDown, null],
  ['suspended', 'resuming', shutDown, null],
  ['active', 'rescuing', shutDown, null],
  ['rescued', 'unrescuing', shutDown, null],
  ['active', 'updating_password', running, null],
  // What is in ERROR, or deleted softly, is left alone.
  ['error', 'powering-off', running, null],
  ['error', 'rebooting_hard', shutDown, null],
  ['error', 'image_snapshot', shutDown, null],
  ['soft-delete', 'powering-off', running, null],
])('%s, %s, guest %i', (vm_state, task_state, guest_state, expected) => {
  expect(recoveryOf({ vm_state, task_state, guest_state })).toEqual(expected);
});
