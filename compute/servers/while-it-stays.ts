/** Changes of a server that may be about to leave cell0 for another try (reschedule-buried.ts): who comes first decides, and what is acknowledged is not lost. */
import { keepInCell0 } from '../../database/api/servers/second-chances.ts';
import { openInstance } from '../../database/cell/instances/buried.ts';
import type { Database } from '../../database/data-api/client.ts';
import { sqlState } from '../../database/data-api/unreachable.ts';
import { cell0 } from '../cells/cell0.ts';
import { inCell } from '../cells/reach.ts';

/** PostgreSQL's object_in_use: a closed row has refused a change (database/cell/migrations/0011-closed-rows.ts). */
const closed = '55006';

/** Each time somebody may have closed it anew. */
const mostAttempts = 5;

/**
 * Makes a change of a server. Where its row is closed, it is kept in cell0 if it has not left yet, and the change is made again from its beginning.
 * @param change finds the server in the index, and changes it where it is.
 */
export async function whileItStays<Result>(api: Database, server: string, change: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await change();
    } catch (error) {
      if (!(error instanceof Error) || sqlState(error) !== closed || attempt === mostAttempts) throw error;
      const kept = await keepInCell0(api, cell0, server);
      if (!kept) continue;
      const { fencing_token, database_connection } = kept;
      await inCell(database_connection, 'changing', (database) => openInstance(database, { uuid: server, fencing_token }));
    }
  }
}
