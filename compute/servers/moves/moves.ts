/**
 * What takes a server to another flavor or host of its cell, as Nova has it: which servers accept it, what each of the two hosts is asked, one after the other,
 * and what it leaves.
 */
import type { MoveEnd } from '../../../database/cell/moves.ts';
import type { TaskState } from '../../../database/servers/document.ts';
import type { MigrationStatus, MigrationType } from '../../../database/servers/move.ts';
import type { OperationName } from '../../hosts/drivers/driver.ts';
import type { AcceptedAction } from '../tasks/accept-task.ts';

/** What one host is asked of a move. */
interface Step {
  operation: OperationName;
  on: 'source' | 'destination';
  taskState: TaskState | null;
  status: MigrationStatus;
  /** Seconds that the host has for it. */
  time: number;
}

/** A kind of move. */
export interface ServerMove extends AcceptedAction {
  /** What Nova calls it where it begins with a claim on another host; null where it ends one that did. */
  type: MigrationType | null;
  steps: readonly Step[];
  /** What it leaves. */
  end: Omit<MoveEnd, 'failure'>;
  /** What it leaves when its n-th step fails; those that fail before their first step leave the server as it was. */
  failed(step: number): Omit<MoveEnd, 'failure'>;
}

const usual = { unlocked: true, hosted: false, taskStates: [null] } as const;
/** What ends a resize or a migration asks. */
const resized = { vmStates: ['resized'], resized: true, type: null } as const;
/** Seconds for a disk to be copied. */
const disk = 3_600;

const back = { vmState: 'error', status: 'error', on: 'source', outcome: 'reverted', launched: false } as const;

const resize = {
  ...usual,
  word: 'resize',
  recorded: 'resize',
  event: 'compute_prep_resize',
  vmStates: ['active', 'stopped'],
  taskState: 'resize_prep',
  type: 'resize',
  steps: [
    { operation: 'migrate_disk_and_power_off', on: 'source', taskState: 'resize_migrating', status: 'migrating', time: disk },
    { operation: 'finish_migration', on: 'destination', taskState: 'resize_finish', status: 'post-migrating', time: disk },
  ],
  end: { vmState: 'resized', status: 'finished', on: 'destination', outcome: null, launched: true },
  failed: () => back,
} as const satisfies ServerMove;

/** The moves by name. */
export const serverMoves = {
  resize,
  migrate: { ...resize, word: 'migrate', recorded: 'migrate', type: 'migration' },
  confirmResize: {
    ...{ ...usual, ...resized, word: 'confirmResize', recorded: 'confirmResize', event: 'compute_confirm_resize', taskState: null },
    steps: [{ operation: 'confirm_migration', on: 'source', taskState: null, status: 'confirming', time: 300 }],
    end: { vmState: 'by power', status: 'confirmed', on: 'destination', outcome: 'kept', launched: false },
    failed: () => ({ ...back, on: 'destination', outcome: 'kept' }),
  },
  revertResize: {
    ...{
      ...usual,
      ...resized,
      word: 'revertResize',
      recorded: 'revertResize',
      event: 'compute_revert_resize',
      taskState: 'resize_reverting',
    },
    steps: [
      { operation: 'revert_migration', on: 'destination', taskState: 'resize_reverting', status: 'reverting', time: 300 },
      { operation: 'finish_revert_migration', on: 'source', taskState: 'resize_reverting', status: 'reverting', time: 300 },
    ],
    end: { vmState: 'by power', status: 'reverted', on: 'source', outcome: 'reverted', launched: true },
    // The guest is where the last host that did its part has it.
    failed: (step) => (step === 0 ? { ...back, on: 'destination', outcome: 'kept' } : back),
  },
} as const satisfies Readonly<Record<string, ServerMove>>;

/** Returns the move that is recorded by this name; undefined when it is none. */
export function moveOf(action: string): ServerMove | undefined {
  const moves: ServerMove[] = Object.values(serverMoves);
  return moves.find(({ recorded }) => recorded === action);
}
