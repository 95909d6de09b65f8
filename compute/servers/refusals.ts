/** How a server refuses what is asked of it, in Nova's words and in the order of its checks: the lock, the host, the states, the launch that never was. */
import { BadRequest, Conflict } from '../../common/errors.ts';
import type { FoundServer, Precondition } from '../../database/cell/tasks.ts';

/** Nova's sentence for a state that does not allow an action. */
export function inState(word: string, uuid: string, attribute: 'vm_state' | 'task_state', state: string): string {
  return `Cannot '${word}' instance ${uuid} while it is in ${attribute} ${state}`;
}

/** Its state would allow an action, were it not for a launch that never was. */
export function neverLaunched(action: string) {
  return (uuid: string) => `Instance ${uuid} is in an invalid state for '${action}'`;
}

/** It has no host that could be asked. */
export const withoutHost = (uuid: string) => `Instance ${uuid} is not ready`;

/** It is locked. */
export const locked = (uuid: string) => `Instance ${uuid} is locked`;

/** Returns how a server refuses an action that it did not accept. */
export function refusalOf(
  uuid: string,
  word: string,
  { unlocked, hosted, vmStates, taskStates, resized }: Precondition,
  { locked: isLocked, host, vm_state, task_state, launched_at, volume_backed }: FoundServer,
): Conflict | BadRequest {
  if (isLocked && unlocked) return new Conflict(locked(uuid));
  if (host === null && hosted) return new Conflict(withoutHost(uuid));
  if (!vmStates.includes(vm_state)) return new Conflict(inState(word, uuid, 'vm_state', vm_state));
  if (task_state !== null && !taskStates.includes(task_state)) return new Conflict(inState(word, uuid, 'task_state', task_state));
  // Whatever was resized was launched; its move has ended, or its end has begun.
  if (resized) return new BadRequest('Instance has not been resized.');
  if (launched_at === null || !volume_backed) return new Conflict(neverLaunched(word)(uuid));
  // Nova's for backups. A snapshot of a volume is of a service that is not here.
  return new BadRequest(`${word === 'createBackup' ? 'Backup' : 'Snapshot'} is not supported for volume-backed instances.`);
}

/** Returns whether a server, as an action found it, has the state for it. */
export function allowedBy({ unlocked, vmStates, taskStates }: Precondition, found: FoundServer): boolean {
  if ((found.locked && unlocked) || found.host === null || found.launched_at === null) return false;
  return vmStates.includes(found.vm_state) && taskStates.includes(found.task_state);
}

/** Returns what a check of a request comes to: what is wrong with it is said when the server's own states have had their say, as in Nova. */
export function outcome<Result>(check: () => Result): { result?: Result; error?: unknown } {
  try {
    return { result: check() };
  } catch (error) {
    return { error };
  }
}
