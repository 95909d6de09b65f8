/** What a quota set holds at each microversion, and the body that changes one. */
import * as z from 'zod';
import { type QuotaLimits, type QuotaName, quotaDefaults } from '../../../../compute/quotas/quotas.ts';
import { pythonText } from '../../http/validation/python-text.ts';
import { booleanValue } from '../shared/parameters.ts';

const networks: readonly string[] = ['fixed_ips', 'floating_ips', 'security_groups', 'security_group_rules'] satisfies QuotaName[];
const files: readonly string[] = ['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes'] satisfies QuotaName[];
const filesUntil = 57;
const largestInteger = 2_147_483_647;

/** Gives the names that are told: networks left with a microversion that depends on the resource, files left with 2.57. */
export function shownQuotas(microversion: number, networksUntil = 36): QuotaName[] {
  const names = Object.keys(quotaDefaults) as QuotaName[];
  return names.filter((name) => {
    if (networks.includes(name)) return microversion < networksUntil;
    return !files.includes(name) || microversion < filesUntil;
  });
}

/** A limit or its digits; -1 is none. */
const hardLimit = z.unknown().transform((value, context) => {
  const reason = problem(value);
  if (reason === undefined) return Number(value);
  context.addIssue({ code: 'custom', message: reason });
  return z.NEVER;
});

function problem(value: unknown): string | undefined {
  if (typeof value !== 'string' && !Number.isInteger(value)) return `${pythonText(value)} is not of type 'integer', 'string'`;
  if (typeof value === 'string' && !/^-?[0-9]+$/.test(value)) return `${pythonText(value.slice(0, 100))} does not match '^-?[0-9]+$'`;
  if (Number(value) < -1) return `${value} is less than the minimum of -1`;
  return Number(value) > largestInteger ? `${value} is greater than the maximum of ${largestInteger}` : undefined;
}

/** A change of a quota set. */
export interface QuotaChange {
  limits: Partial<QuotaLimits>;
  force: boolean;
}

/** The schema of the body that changes a quota set. */
export function quotaBody(microversion: number): z.ZodType<QuotaChange> {
  const limits = Object.fromEntries(shownQuotas(microversion).map((name) => [name, hardLimit.optional()]));
  return z
    .strictObject({ quota_set: z.strictObject({ force: booleanValue.default(false), ...limits }) })
    .transform(({ quota_set: { force, ...limits } }) => ({ force: force === true, limits: limits as Partial<QuotaLimits> }));
}
