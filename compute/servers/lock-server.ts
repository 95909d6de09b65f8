/** Locks: while a server is locked, only admins change it. The owner's lock is the project's to take away, an admin's is the admins'. */
import { allows, authorize } from '../../common/policy.ts';
import { lockInstance, unlockInstance } from '../../database/cell/instances/lock.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type ChangeOf, changeInCell } from './change-in-cell.ts';

/**
 * Locks a server.
 * @throws what changeInCell throws.
 */
export async function lockServer(api: Database, { caller, requestId, server }: ChangeOf, reason: string | null): Promise<void> {
  await changeInCell(api, caller, server, 'lock', (cell, { uuid, projectId }) =>
    lockInstance(cell, uuid, { requestId, ...caller }, projectId === caller.projectId, reason),
  );
}

const override = 'os_compute_api:os-lock-server:unlock:unlock_override';

/**
 * Unlocks a server.
 * @throws Forbidden when an admin locked it and the caller is none; what changeInCell throws.
 */
export async function unlockServer(api: Database, { caller, requestId, server }: ChangeOf): Promise<void> {
  const { refused } = await changeInCell(api, caller, server, 'unlock', (cell, { uuid, projectId }) => {
    const own = projectId === caller.projectId ? 'owner' : 'admin';
    return unlockInstance(cell, uuid, { requestId, ...caller }, allows(caller, override) ? 'all' : own);
  });
  if (refused) authorize(caller, override);
}
