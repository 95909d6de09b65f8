/** Who asks, and in which roles. */

/** The default roles of OpenStack, from the most to the least; each implies those after it. */
export const roles = ['admin', 'member', 'reader'] as const;
export type Role = (typeof roles)[number];

/** Who asks, as the verified token says; `roles` holds role names of the token's project. One without a project has no roles, and `projectId` is empty. */
export interface Caller {
  userId: string;
  userName: string;
  projectId: string;
  projectName: string;
  roles: readonly string[];
}
