import { randomUUID } from 'node:crypto';

/** Returns a new id of a user or a project, in the form of Keystone's. */
export function newId(): string {
  return randomUUID().replaceAll('-', '');
}
