/**
 * Who may do what: the rules of Nova, Keystone and Glance by their names, with OpenStack's default roles (admin implies member implies reader). Roles are
 * asked for here and nowhere else.
 * Scope is not a rule: statements restrict themselves to the caller's project unless a rule below opens more.
 */
import type { Caller, Role } from './caller.ts';
import { Forbidden } from './errors.ts';
import { rules } from './rules.ts';

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
  if (/^(os_compute_api|compute):/.test(rule)) return new Forbidden(`Policy doesn't allow ${rule} to be performed.`);
  if (rule.startsWith('identity:')) return new Forbidden(`You are not authorized to perform the requested action: ${rule}.`);
  return new Forbidden(`You are not authorized to complete ${rule} action.`);
}
