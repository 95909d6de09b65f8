/** Forms of values that several requests of the Compute API share, as Nova's schemas allow them, with the reasons of its validator. */
import { SocketAddress } from 'node:net';
import * as z from 'zod';
import { booleanWords, readBoolean } from '../../../../common/boolean-words.ts';
import { BadRequest } from '../../../../common/errors.ts';
import { record } from '../../../shared/record.ts';
import { pythonText } from '../../http/validation/python-text.ts';

/** The least and the largest integer of Nova's databases. */
export const leastInteger = -2_147_483_648;
export const largestInteger = 2_147_483_647;

/** A text of `least` to `most` characters. Nova counts code points, where JavaScript's length counts halves of them. */
export function text(most: number, least = 0) {
  return z.string().check(({ value, issues }) => {
    const { length } = [...value];
    if (length > most) issues.push({ code: 'too_big', origin: 'string', maximum: most, inclusive: true, input: value });
    if (length < least) issues.push({ code: 'too_small', origin: 'string', minimum: least, inclusive: true, input: value });
  });
}

const trueWords = ['True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'] as const;
const falseWords = ['False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'] as const;

/** A boolean of a body, or one of the words that Nova's schemas take for one. */
export const booleanValue = z
  .literal([true, ...trueWords, false, ...falseWords])
  .transform((value) => value === true || trueWords.some((word) => word === value));

/**
 * Returns what a word of a query means as a boolean.
 * @throws BadRequest in the words of OpenStack's common library.
 */
export function strictQueryBoolean(word: string): boolean {
  const meant = readBoolean(word);
  if (meant !== undefined) return meant;
  const known = [...booleanWords.keys()].toSorted().map(pythonText).join(', ');
  throw new BadRequest(`Unrecognized value '${word}', acceptable values are: ${known}`);
}

/**
 * An integer from `least` to `most`, or its digits. Where Nova sets no `most`, one that is larger than JavaScript counts exactly is taken for the largest
 * that it does.
 */
export function integerFrom(least: number, most = Number.POSITIVE_INFINITY) {
  return z.unknown().transform((value, context) => {
    const reason = integerProblem(value, least, most);
    if (reason === undefined) return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
    context.addIssue({ code: 'custom', message: reason });
    return z.NEVER;
  });
}

function integerProblem(value: unknown, least: number, most: number): string | undefined {
  const whole = typeof value === 'number' && (Number.isInteger(value) || Math.abs(value) === Number.POSITIVE_INFINITY);
  if (!whole && typeof value !== 'string') return `${pythonText(value)} is not of type 'integer', 'string'`;
  if (value === '' && least >= 0) return "'' is too short";
  const digits = least < 0 ? /^-?[0-9]+$/ : /^[0-9]*$/;
  if (typeof value === 'string' && !digits.test(value)) return `${pythonText(value.slice(0, 100))} does not match '${digits.source}'`;
  if (Number(value) < least) return `${value} is less than the minimum of ${least}`;
  if (Number(value) > most) return `${value} is greater than the maximum of ${most}`;
  return undefined;
}

/** Nova's printable characters: nothing of Unicode's class "other", no separators of lines, nothing above its basic plane. */
const printable = /^[^\p{C}\p{Zl}\p{Zp}\u{FFFF}-\u{10FFFF}]*$/u;

/** A name of something: 1 to 255 printable characters, no space at the ends. The reason for a bad one stands alone, as in Nova. */
export const name = text(255, 1).refine((value) => {
  if (printable.test(value) && !/^\p{Zs}|\p{Zs}$/u.test(value)) return true;
  throw new BadRequest(
    "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.",
  );
});

/** A description: printable characters, or null. */
export function description(most: number) {
  return text(most)
    .refine((value) => printable.test(value), 'only printable characters are allowed')
    .nullable();
}

/** An address of either family. */
export const address = z.union([z.ipv4(), z.ipv6()]);

/** A uuid; Nova reads it without its hyphens too. */
export const uuid = z
  .string()
  .refine((value) => /^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$/i.test(value), {
    error: ({ input }) => `${pythonText(String(input).slice(0, 100))} is not a 'uuid'`,
  })
  .transform((value) => value.toLowerCase().replace(/^(\w{8})-?(\w{4})-?(\w{4})-?(\w{4})-?(\w{12})$/, '$1-$2-$3-$4-$5'));

/** A text in base64. Like Python, it looks past characters that are not of base64, but not past a wrong end. */
export const base64 = z
  .string()
  .refine((value) => /^(?:[\w+/]{4})*(?:[\w+/]{2}==|[\w+/]{3}=|$)/.test(value.replace(/[^A-Za-z0-9+/=]/g, '')), {
    error: ({ input }) => `${pythonText(String(input).slice(0, 100))} is not a 'base64'`,
  });

/** Keys and values of metadata. */
export const metadata = record(text(255), /^[a-zA-Z0-9-_:. ]{1,255}$/);

/** Returns an IPv6 address as RFC 5952 writes it: each address has one form, in which it is kept, shown and found. */
export function canonicalIpv6(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

/** A tag of a server or of one of its devices. */
export const tag = text(60, 1).regex(/^[^,/]*$/);

/** Returns an optional field from some microversion on; before that it is one that Nova does not know. */
export function when<Schema extends z.ZodType>(there: boolean, key: string, schema: Schema) {
  return there ? schema.optional() : z.never({ error: `Additional properties are not allowed ('${key}' was unexpected)` }).optional();
}

/** The name of a compute host. */
export const hostName = text(255, 1).regex(/^[a-zA-Z0-9-._]*$/);

/** A flavor by its id, which may be a number. */
export const flavorRef = z.union([text(Number.POSITIVE_INFINITY, 1), z.number()]).transform(String);
