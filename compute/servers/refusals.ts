/** What a server in cell0 refuses, in Nova's words: it was never on a host, and is in ERROR (nova-facts 2.2 and 2.3). */
import { Conflict } from '../../common/errors.ts';
import { cell0 } from '../cells/cell0.ts';
import type { Server } from './find-server.ts';

/** How a buried server, by its uuid, says no. */
export type Buried = (uuid: string) => string;

/** Its vm_state does not allow it. */
export function inError(action: string): Buried {
  return (uuid) => `Cannot '${action}' instance ${uuid} while it is in vm_state error`;
}

/** ERROR would allow it, were it not for a launch that never was. */
export function neverLaunched(action: string): Buried {
  return (uuid) => `Instance ${uuid} is in an invalid state for '${action}'`;
}

/** It has no host that could be asked. */
export const withoutHost: Buried = (uuid) => `Instance ${uuid} is not ready`;

/** @throws Conflict when the server is in cell0 and refuses there. */
export function refuseBuried({ mapping }: Server, refusal: Buried | undefined): void {
  if (refusal && mapping.cell?.uuid === cell0) throw new Conflict(refusal(mapping.uuid));
}
