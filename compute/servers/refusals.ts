/** How a server refuses what is asked of it, in Nova's words and in the order of its checks: the lock, the host, the states, the launch that never was. */
import { Conflict } from '../../common/errors.ts';
import type { FoundServer, Precondition } from '../../database/cell/tasks.ts';
import { cell0 } from '../cells/cell0.ts';
import type { Server } from './find-server.ts';

/** Nova's sentence for a state that does not allow an action. */
export function inState(word: string, uuid: string, attribute: 'vm_state' | 'task_state', state: string): string {
  return `Cannot '${word}' instance ${uuid} while it is in ${attribute} ${state}`;
}

/** How a buried server, by its uuid, says no. */
export type Buried = (uuid: string) => string;

/** Its vm_state does not allow it. */
export function inError(action: string): Buried {
  return (uuid) => inState(action, uuid, 'vm_state', 'error');
}

/** ERROR would allow it, were it not for a launch that never was. */
export function neverLaunched(action: string): Buried {
  return (uuid) => `Instance ${uuid} is in an invalid state for '${action}'`;
}

/** It has no host that could be asked. */
export const withoutHost: Buried = (uuid) => `Instance ${uuid} is not ready`;

/** It is locked. */
export const locked: Buried = (uuid) => `Instance ${uuid} is locked`;

/** @throws Conflict when the server is in cell0 and refuses there. */
export function refuseBuried({ mapping }: Server, refusal: Buried | undefined): void {
  if (refusal && mapping.cell?.uuid === cell0) throw new Conflict(refusal(mapping.uuid));
}

/** Returns how a server refuses an action that it did not accept. */
export function refusalOf(uuid: string, word: string, precondition: Precondition, found: FoundServer): Conflict {
  return new Conflict(sentence(uuid, word, precondition, found));
}

function sentence(uuid: string, word: string, { unlocked, hosted, vmStates, taskStates }: Precondition, found: FoundServer): string {
  if (found.locked && unlocked) return locked(uuid);
  if (found.host === null && hosted) return withoutHost(uuid);
  if (!vmStates.includes(found.vm_state)) return inState(word, uuid, 'vm_state', found.vm_state);
  if (found.task_state !== null && !taskStates.includes(found.task_state)) return inState(word, uuid, 'task_state', found.task_state);
  return neverLaunched(word)(uuid);
}
