/**
 * Who may do what: the rules of Nova, Keystone and Glance by their names, with OpenStack's default roles (admin implies member implies reader). Roles are
 * asked for here and nowhere else.
 * Scope is not a rule: statements restrict themselves to the caller's project unless a rule below opens more.
 */
import type { Caller, Role } from './caller.ts';
import { Forbidden } from './errors.ts';

const rules = {
  context_is_admin: 'admin',
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
  'os_compute_api:os-keypairs:index': 'anyone',
  'os_compute_api:os-keypairs:create': 'anyone',
  'os_compute_api:os-keypairs:delete': 'anyone',
  'os_compute_api:os-keypairs:show': 'anyone',
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
  'identity:validate_token': 'anyone',
  'identity:check_token': 'anyone',
  'identity:get_auth_catalog': 'anyone',
  'identity:get_auth_projects': 'anyone',
  // Keystone leaves these to admins; here everybody finds what is theirs, so that clients can look names up.
  'identity:list_projects': 'anyone',
  'identity:get_project': 'anyone',
  'identity:list_users': 'anyone',
  'identity:get_user': 'anyone',
  get_images: 'reader',
  get_image: 'reader',
} as const satisfies Record<string, Role | 'anyone'>;

/** The name of a rule, as the policy documents of its service spell it. */
export type Rule = keyof typeof rules;

const implied: Record<Role, readonly string[]> = {
  reader: ['reader', 'member', 'admin'],
  member: ['member', 'admin'],
  admin: ['admin'],
};

/** Returns whether the rule allows the caller. */
export function allows(caller: Pick<Caller, 'roles'>, rule: Rule): boolean {
  const least = rules[rule];
  return least === 'anyone' || caller.roles.some((role) => implied[least].includes(role));
}

/**
 * Lets the caller pass.
 * @throws Forbidden with the sentence of the rule's service.
 */
export function authorize(caller: Caller, rule: Rule): void {
  if (!allows(caller, rule)) throw forbidden(rule);
}

/**
 * Lets the caller pass at what belongs to a project or a user: their own, and an admin at anybody's. Whether their role is enough, their route has asked.
 * @throws Forbidden with the sentence of the rule's service.
 */
export function authorizeOwner(caller: Caller, rule: Rule, owner: Pick<Caller, 'projectId'> | Pick<Caller, 'userId'>): void {
  const isTheirs = 'userId' in owner ? owner.userId === caller.userId : owner.projectId === caller.projectId;
  if (!isTheirs && !allows(caller, 'context_is_admin')) throw forbidden(rule);
}

function forbidden(rule: Rule): Forbidden {
  if (rule.startsWith('os_compute_api:')) return new Forbidden(`Policy doesn't allow ${rule} to be performed.`);
  if (rule.startsWith('identity:')) return new Forbidden(`You are not authorized to perform the requested action: ${rule}.`);
  return new Forbidden(`You are not authorized to complete ${rule} action.`);
}
