/**
 * Who may do what: Nova's rules by their names with Nova's default roles (admin implies member implies reader).
 * Scope is not a rule: statements restrict themselves to the caller's project unless a rule below opens more.
 */
import { type Caller, isAdmin, type Role } from '../../common/caller.ts';
import { Forbidden } from '../../common/errors.ts';

const rules = {
  'os_compute_api:servers:index': 'reader',
  'os_compute_api:servers:index:get_all_tenants': 'admin',
  'os_compute_api:servers:detail': 'reader',
  'os_compute_api:servers:detail:get_all_tenants': 'admin',
  'os_compute_api:servers:allow_all_filters': 'admin',
  'os_compute_api:servers:show': 'reader',
  'os_compute_api:servers:show:host_status': 'admin',
  'os_compute_api:servers:create': 'member',
  'os_compute_api:servers:create:forced_host': 'admin',
  'os_compute_api:servers:create:requested_destination': 'admin',
  'os_compute_api:servers:create:trusted_certs': 'member',
  'os_compute_api:servers:create:zero_disk_flavor': 'admin',
  'os_compute_api:servers:delete': 'member',
  'os_compute_api:os-extended-server-attributes': 'admin',
  'os_compute_api:os-instance-actions:list': 'reader',
  'os_compute_api:os-instance-actions:show': 'reader',
  'os_compute_api:os-instance-actions:events': 'admin',
  'os_compute_api:os-availability-zone:list': 'reader',
  'os_compute_api:os-availability-zone:detail': 'admin',
  'os_compute_api:os-flavor-extra-specs:index': 'reader',
  'os_compute_api:os-flavor-manage:create': 'admin',
  'os_compute_api:os-flavor-manage:delete': 'admin',
  'os_compute_api:flavors': 'reader',
  'os_compute_api:limits': 'reader',
  'os_compute_api:limits:other_project': 'admin',
  'os_compute_api:os-keypairs:index': 'admin',
  'os_compute_api:os-keypairs:create': 'admin',
  'os_compute_api:os-keypairs:delete': 'admin',
  'os_compute_api:os-keypairs:show': 'admin',
  'os_compute_api:os-server-groups:create': 'member',
  'os_compute_api:os-server-groups:delete': 'member',
  'os_compute_api:os-server-groups:index': 'reader',
  'os_compute_api:os-server-groups:index:all_projects': 'admin',
  'os_compute_api:os-server-groups:show': 'reader',
  'os_compute_api:os-quota-sets:show': 'reader',
  'os_compute_api:os-quota-sets:detail': 'reader',
  'os_compute_api:os-quota-sets:defaults': 'reader',
  'os_compute_api:os-quota-sets:update': 'admin',
  'os_compute_api:os-quota-sets:delete': 'admin',
  'os_compute_api:os-quota-class-sets:show': 'admin',
} as const satisfies Record<string, Role>;

/** The name of a rule, as Nova's policy documents spell it. */
export type Rule = keyof typeof rules;

const implied: Record<Role, readonly string[]> = {
  reader: ['reader', 'member', 'admin'],
  member: ['member', 'admin'],
  admin: ['admin'],
};

/** Returns whether the rule allows the caller. */
export function allows(caller: Caller, rule: Rule): boolean {
  return caller.roles.some((role) => implied[rules[rule]].includes(role));
}

/**
 * Lets the caller pass.
 * @throws Forbidden with Nova's sentence.
 */
export function authorize(caller: Caller, rule: Rule): void {
  if (!allows(caller, rule)) throw new Forbidden(`Policy doesn't allow ${rule} to be performed.`);
}

/**
 * Lets the caller pass in the project of the token if the rule allows, and an admin in any.
 * @throws Forbidden with Nova's sentence.
 */
export function authorizeProject(caller: Caller, rule: Rule, projectId: string): void {
  authorize(projectId === caller.projectId || isAdmin(caller) ? caller : { ...caller, roles: [] }, rule);
}

/**
 * Lets everybody pass for what is theirs, whatever their role; the rule says who else passes.
 * @throws Forbidden with Nova's sentence.
 */
export function authorizeOwner(caller: Caller, rule: Rule, userId: string): void {
  if (userId !== caller.userId) authorize(caller, rule);
}
