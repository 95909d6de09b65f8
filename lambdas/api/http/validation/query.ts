/** API Gateway joins repeated query parameters with commas, so the raw query string is the only truth. */
import { BadRequest } from '../../../../common/errors.ts';

/** Query parameters by name, each with its values in the order of the request. */
export type QueryParameters = Readonly<Record<string, string[]>>;

/**
 * Parses a raw query string into values by name.
 * @throws BadRequest for what is no text, or a text that no database can hold.
 */
export function parseQuery(rawQueryString: string): QueryParameters {
  if (!isUtf8(rawQueryString)) throw new BadRequest('Query string is not UTF-8 encoded');
  const parameters = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    if (name.includes('\0') || value.includes('\0')) throw new BadRequest('Invalid input for query parameters: NUL is not a character.');
    parameters.set(name, [...(parameters.get(name) ?? []), value]);
  }
  return Object.fromEntries(parameters);
}

/** Whether percent-encoded bytes are UTF-8; URLSearchParams would put another character in the place of those that are not. A lone % is itself. */
function isUtf8(encoded: string): boolean {
  try {
    decodeURIComponent(encoded.replace(/%(?![0-9a-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
}
