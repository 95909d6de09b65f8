/** Where a database is, as text. Few may read it: a cell is reached in one way (`compute/cells/reach.ts`). */
import type { Database } from './client.ts';

/**
 * Reads `rds-data://<cluster arn>/<database>?secret=<secret arn>`, the form of `cell_mappings.database_connection`.
 * @throws Error when the text has another form.
 */
export function parseDatabaseUrl(url: string): Database {
  const parts = /^rds-data:\/\/([^/?]+)\/([^/?]+)\?secret=(.+)$/.exec(url);
  const [, clusterArn, database, secretArn] = parts ?? [];
  if (!clusterArn || !database || !secretArn) throw new Error('not an rds-data:// URL');
  return { clusterArn, database, secretArn };
}
