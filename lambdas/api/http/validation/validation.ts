/** Validates with zod and complains in the sentences of Nova's JSON schema validator, which clients and their tests know. */
import type * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { pythonText } from './python-text.ts';
import type { QueryParameters } from './query.ts';

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

/** Longer values say nothing more to a reader. */
const shownLength = 100;

/**
 * Returns the body as the schema makes it.
 * @throws BadRequest `Invalid input for field/attribute <name>. Value: <value>. <why>`.
 */
export function validateBody<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  return validate(schema, body, 'field/attribute', (path) => path.at(-1));
}

/**
 * Returns the query as the schema makes it.
 * @throws BadRequest `Invalid input for query parameters <name>. Value: <value>. <why>`.
 */
export function validateQuery<Query>(schema: z.ZodType<Query>, query: QueryParameters): Query {
  return validate(schema, query, 'query parameters', (path) => path[0]);
}

type Path = readonly PropertyKey[];

function validate<T>(schema: z.ZodType<T>, input: unknown, place: string, nameOf: (path: Path) => PropertyKey | undefined): T {
  const result = schema.safeParse(input, { error: explain });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (!issue) throw new Error('zod refuses without an issue');
  const missing = isMissing(input, issue.path);
  // What lacks a key or has one too many is the object around it, as in JSON schema.
  const path = missing || issue.code === 'invalid_key' ? issue.path.slice(0, -1) : issue.path;
  const why = missing ? `${pythonText(String(issue.path.at(-1)))} is a required property` : issue.message;
  const name = nameOf(path);
  if (name === undefined) throw new BadRequest(why);
  const value = valueAt(input, path);
  const shown = typeof value === 'string' ? value : pythonText(value);
  throw new BadRequest(`Invalid input for ${place} ${String(name)}. Value: ${shorten(shown)}. ${why}`);
}

/** The reason as JSON schema's validator words it; a schema's own message goes before. Without one, zod's words stay. */
function explain(issue: RawIssue): string | undefined {
  const value = shorten(pythonText(issue.input));
  switch (issue.code) {
    case 'invalid_type':
      return `${value} is not of type '${jsonTypes[issue.expected] ?? issue.expected}'`;
    case 'unrecognized_keys': {
      const verb = issue.keys.length === 1 ? 'was' : 'were';
      return `Additional properties are not allowed (${issue.keys.map((key) => pythonText(key)).join(', ')} ${verb} unexpected)`;
    }
    case 'invalid_key':
      return `${pythonText(String(issue.path?.at(-1) ?? issue.input))} does not match any of the regexes`;
    case 'invalid_value':
      return `${value} is not one of ${pythonText(issue.values)}`;
    case 'invalid_union':
      return `${value} is not valid under any of the given schemas`;
    case 'invalid_format':
      return issue.format === 'regex' ? `${value} does not match '${unslashed(issue.pattern)}'` : `${value} is not a '${issue.format}'`;
    case 'too_small':
      if (issue.origin === 'string' || issue.origin === 'array') return `${value} is too short`;
      return issue.origin === 'number' ? `${value} is less than the minimum of ${issue.minimum}` : undefined;
    case 'too_big':
      if (issue.origin === 'string' || issue.origin === 'array') return `${value} is too long`;
      return issue.origin === 'number' ? `${value} is greater than the maximum of ${issue.maximum}` : undefined;
    default:
      return undefined;
  }
}

const jsonTypes: Readonly<Record<string, string>> = { int: 'integer', map: 'object', record: 'object' };

function unslashed(pattern: string | undefined): string {
  return (pattern ?? '').replace(/^\/(.*)\/[a-z]*$/s, '$1');
}

function shorten(text: string): string {
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}

function isMissing(input: unknown, path: Path): boolean {
  const last = path.at(-1);
  const parent = valueAt(input, path.slice(0, -1));
  return (
    typeof last === 'string' && typeof parent === 'object' && parent !== null && !Array.isArray(parent) && !Object.hasOwn(parent, last)
  );
}

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined), input);
}
