/** A recheck of some servers by everything that every database holds of them, read at about one moment. */
import { readServers } from '../../database/api/audit/servers.ts';
import { readInstances, type ServerRow } from '../../database/cell/audit.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type AuditContext, checkServer } from './check-server.ts';
import type { Finding } from './findings.ts';
import type { CellDatabase } from './scan.ts';

/** Servers read at a time. */
const batchLength = 500;

/** Returns the findings about these servers. */
export async function recheck(
  api: Database,
  cells: readonly CellDatabase[],
  uuids: readonly string[],
  context: AuditContext,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let start = 0; start < uuids.length; start += batchLength) {
    const batch = uuids.slice(start, start + batchLength);
    const [servers, ...rowsOfCells] = await Promise.all([
      readServers(api, batch),
      ...cells.map(({ attempt }) => attempt((database) => readInstances(database, batch))),
    ]);
    const rows = new Map<string, Map<string, ServerRow>>(batch.map((uuid) => [uuid, new Map()]));
    for (const [index, cell] of cells.entries()) {
      for (const row of rowsOfCells[index] ?? []) rows.get(row.uuid)?.set(cell.uuid, row);
    }
    for (const records of servers) {
      findings.push(...checkServer({ uuid: records.uuid, records, rows: rows.get(records.uuid) ?? new Map() }, context));
    }
  }
  return findings;
}
