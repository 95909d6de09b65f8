/** Forms of values that several requests of the Compute API share, as Nova's schemas allow them. */
import * as z from 'zod';

const booleans: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...['1', 't', 'true', 'on', 'y', 'yes'].map((word) => [word, true]),
  ...['0', 'f', 'false', 'off', 'n', 'no'].map((word) => [word, false]),
]);

/** A boolean or one of the words that OpenStack takes for one. */
export const booleanWord = z.union([z.boolean(), z.string()]).transform((value, context) => {
  const meant = typeof value === 'boolean' ? value : booleans[value.toLowerCase()];
  if (meant === undefined) {
    context.addIssue({ code: 'custom', message: `'${value}' is not one of ${Object.keys(booleans).join(', ')}` });
    return z.NEVER;
  }
  return meant;
});

/** The largest integer of Nova's databases. */
const largest = 2_147_483_647;

/** An integer from `least` up, or its digits. */
export function integerFrom(least: number) {
  return z
    .union([
      z.int(),
      z
        .string()
        .regex(/^[0-9]+$/)
        .transform(Number),
    ])
    .pipe(z.int().min(least).max(largest));
}

/** A name of something: 1 to 255 printable characters, no space at the ends. */
export const name = z
  .string()
  .min(1)
  .max(255)
  .regex(/^\S(.*\S)?$/s)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  .regex(/^[^\u0000-\u001f\u007f]*$/);

/** Keys and values of metadata. */
export const metadata = z.record(z.string().regex(/^[a-zA-Z0-9-_:. ]{1,255}$/), z.string().max(255));

/** The first value of a query parameter. */
export const single = z.array(z.string()).transform((values) => values.at(-1) ?? '');
