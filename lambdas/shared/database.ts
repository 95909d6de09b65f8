/** The databases of a deployment, as the environment of a function names them. */
import { type Database, DatabaseUnreachable } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { setting } from './environment.ts';

export { DatabaseUnreachable };

/** Returns the api database of this deployment. */
export function apiDatabase(): Database {
  return parseDatabaseUrl(setting('API_DATABASE'));
}

/** Returns the database that a function of a deployment is about. */
export function deployedDatabase(): Database {
  return parseDatabaseUrl(setting('DATABASE'));
}
