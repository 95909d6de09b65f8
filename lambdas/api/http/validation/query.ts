/** API Gateway joins repeated query parameters with commas, so the raw query string is the only truth. */
import { BadRequest } from '../../../../common/errors.ts';

/** Query parameters by name, each with its values in the order of the request. */
export type QueryParameters = Readonly<Record<string, string[]>>;

/**
 * Parses a raw query string into values by name.
 * @throws BadRequest for text that no database can hold.
 */
export function parseQuery(rawQueryString: string): QueryParameters {
  const parameters: Record<string, string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    if (name.includes('\0') || value.includes('\0')) throw new BadRequest('Invalid input for query parameters: NUL is not a character.');
    const values = parameters[name] ?? [];
    values.push(value);
    parameters[name] = values;
  }
  return { ...parameters };
}
