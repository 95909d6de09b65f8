/** What Nova's decorators ask of a server before something that needs no task is done to it; they are asked in the order in which they stand here. */
import type { Caller } from '../../common/caller.ts';
import { Conflict } from '../../common/errors.ts';
import { allows } from '../../common/policy.ts';
import type { TaskState, VmState } from '../../database/servers/document.ts';
import type { Instance } from './find-server.ts';
import { inState, locked as isLocked, neverLaunched, withoutHost } from './refusals.ts';

/** @throws Conflict when a server is locked, but for an admin. */
export function checkLock(caller: Caller, uuid: string, locked: boolean): void {
  if (locked && !allows(caller, 'context_is_admin')) throw new Conflict(isLocked(uuid));
}

/** @throws Conflict when a server has no host that could be asked. */
export function checkHost(instance: Instance): asserts instance is Instance & { host: string } {
  if (instance.host === null) throw new Conflict(withoutHost(instance.uuid));
}

/** @throws Conflict when a server is in none of these states. */
export function checkVmState(uuid: string, action: string, state: VmState, allowed: readonly VmState[]): void {
  if (!allowed.includes(state)) throw new Conflict(inState(action, uuid, 'vm_state', state));
}

function checkTask(uuid: string, action: string, task: TaskState | null): void {
  if (task !== null) throw new Conflict(inState(action, uuid, 'task_state', task));
}

/** @throws Conflict when a server has never been on a host. */
export function checkLaunch(uuid: string, action: string, launched: boolean): void {
  if (!launched) throw new Conflict(neverLaunched(action)(uuid));
}

/** @throws Conflict when a server is locked, in none of these states, in a task, or was never on a host. */
export function checkState(caller: Caller, instance: Instance, action: string, allowed: readonly VmState[]): void {
  const { uuid, locked, vm_state, task_state, launched_at } = instance;
  checkLock(caller, uuid, locked);
  checkVmState(uuid, action, vm_state, allowed);
  checkTask(uuid, action, task_state);
  checkLaunch(uuid, action, launched_at !== null);
}
