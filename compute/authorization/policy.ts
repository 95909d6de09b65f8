/**
 * Who may do what: Nova's rules by their names with Nova's default roles (admin implies member implies reader).
 * Scope is not a rule: statements restrict themselves to the caller's project unless a rule below opens more.
 */
import { type Caller, isAdmin, type Role } from '../../common/caller.ts';
import { Forbidden } from '../../common/errors.ts';
import { rules } from './rules.ts';

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
