/**
 * Filters of a listing, as SQL over the document `doc` of a server. Build requests and the rows of cells have the same document, so a server matches or
 * not whatever holds it at the moment.
 */
import { BadRequest } from '../../common/errors.ts';
import type { Parameter } from '../../database/data-api/client.ts';
import type { InstanceColumn } from '../../database/servers/columns.ts';
import type { DocumentFilter } from '../../database/servers/document.ts';
import { toPostgresPattern } from './patterns.ts';
import type { States } from './status.ts';

export { type Column, type FilterUse, type InstanceColumn, instanceColumns } from '../../database/servers/columns.ts';

/** What to look for; an absent field filters nothing. Texts under `pattern` are regular expressions, as in Nova. */
export interface ServerFilters {
  /** By column: the value, as text. */
  exact: Partial<Record<InstanceColumn, string>>;
  /** By column: what the value matches. */
  pattern: Partial<Record<InstanceColumn, string>>;
  states?: States[];
  /** Whether an address was asked for. */
  address?: true;
  /** The id of a flavor, which a listing looks up. */
  flavor?: string;
  tags?: string[];
  tagsAny?: string[];
  notTags?: string[];
  notTagsAny?: string[];
  /** ISO 8601 with milliseconds, in UTC; inclusive. */
  changesSince?: string;
  changesBefore?: string;
}

/** How the API shows a time, which is what a pattern meets: when a server was created in seconds, the others in milliseconds. */
const timeForms: Readonly<Partial<Record<string, string>>> = {
  created_at: 'YYYY-MM-DD"T"HH24:MI:SS"Z"',
  launched_at: 'YYYY-MM-DD"T"HH24:MI:SS.MS"000"',
  terminated_at: 'YYYY-MM-DD"T"HH24:MI:SS.MS"000"',
};

function shownText(column: string): string {
  const form = timeForms[column];
  return form === undefined ? `doc->>'${column}'` : `to_char((doc->>'${column}')::timestamptz at time zone 'UTC', '${form}')`;
}

/** Makes the SQL of the filters, or undefined when they let everything pass. */
export function filterSql(filters: ServerFilters): DocumentFilter | undefined {
  const conditions: string[] = [];
  const parameters: Record<string, Parameter> = {};
  const add = (value: Parameter, condition: (name: string) => string) => {
    const name = `filter${conditions.length}`;
    parameters[name] = value;
    conditions.push(condition(`:${name}`));
  };
  const list = (name: string) => `array(select jsonb_array_elements_text(${name}::jsonb))`;
  const changed = `coalesce(doc->>'updated_at', doc->>'created_at')::timestamptz`;

  for (const [column, value] of Object.entries(filters.exact)) add(value, (name) => `doc->>'${column}' = ${name}`);
  for (const [column, pattern] of Object.entries(filters.pattern)) {
    const allowed = toPostgresPattern(pattern);
    if (allowed === undefined) throw new BadRequest('Invalid regular expression in a filter');
    add(allowed, (name) => `${shownText(column)} ~ ${name}`);
  }
  if (filters.states) {
    add(
      filters.states,
      (name) => `exists (
        select from jsonb_array_elements(${name}::jsonb) s
        where s->>'vm_state' = doc->>'vm_state' and not coalesce(s->'except' ? (doc->>'task_state'), false)
          and (s->'tasks' = '[]' or s->'tasks' ? (doc->>'task_state')))`,
    );
  }
  if (filters.tags) add(filters.tags, (name) => `doc->'tags' @> ${name}::jsonb`);
  if (filters.tagsAny) add(filters.tagsAny, (name) => `doc->'tags' ?| ${list(name)}`);
  if (filters.notTags) add(filters.notTags, (name) => `not doc->'tags' @> ${name}::jsonb`);
  if (filters.notTagsAny) add(filters.notTagsAny, (name) => `not doc->'tags' ?| ${list(name)}`);
  if (filters.changesSince) add(filters.changesSince, (name) => `${changed} >= ${name}::timestamptz`);
  if (filters.changesBefore) {
    // A change is shown in seconds, so a time without a fraction includes all of its second.
    const shown = filters.changesBefore.endsWith('.000Z') ? `date_trunc('second', ${changed})` : changed;
    add(filters.changesBefore, (name) => `${shown} <= ${name}::timestamptz`);
  }
  return conditions.length > 0 ? { sql: conditions.join(' and '), parameters } : undefined;
}
