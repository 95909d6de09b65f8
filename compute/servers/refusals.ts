/** How a server refuses what is asked of it, in Nova's words and in the order of its checks: the lock, the host, the states, the launch that never was. */
import { Conflict } from '../../common/errors.ts';
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
export function refusalOf(uuid: string, word: string, precondition: Precondition, found: FoundServer): Conflict {
  return new Conflict(sentence(uuid, word, precondition, found));
}

/** Returns whether a server, as an action found it, has the state for it. */
export function allowedBy({ unlocked, vmStates, taskStates }: Precondition, found: FoundServer): boolean {
  if ((found.locked && unlocked) || found.host === null || found.launched_at === null) return false;
  return vmStates.includes(found.vm_state) && taskStates.includes(found.task_state);
}

function sentence(uuid: string, word: string, { unlocked, hosted, vmStates, taskStates }: Precondition, found: FoundServer): string {
  if (found.locked && unlocked) return locked(uuid);
  if (found.host === null && hosted) return withoutHost(uuid);
  if (!vmStates.includes(found.vm_state)) return inState(word, uuid, 'vm_state', found.vm_state);
  if (found.task_state !== null && !taskStates.includes(found.task_state)) return inState(word, uuid, 'task_state', found.task_state);
  return neverLaunched(word)(uuid);
}
