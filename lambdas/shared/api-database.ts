import { type Database, parseDatabaseUrl } from '../../database/data-api/client.ts';
import { setting } from './environment.ts';

/** The api database of this deployment, as the function's environment names it. */
export function apiDatabase(): Database {
  return parseDatabaseUrl(setting('API_DATABASE'));
}
