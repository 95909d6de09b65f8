import type { Caller } from '../../../../compute/authorization/policy.ts';

/** Tells whether the caller is an admin, where a service has no rules of its own beyond that. */
export function isAdmin(caller: Caller): boolean {
  return caller.roles.includes('admin');
}
