/**
 * A scan of all servers of all databases at once. Every database returns its servers by uuid, a page at a time, so what all hold of one server is merged, and
 * memory does not grow with the cloud.
 */
import { firstUuid, scanServers } from '../../database/api/audit/servers.ts';
import { type ServerRow, scanInstances } from '../../database/cell/audit.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { ServerFacts } from './check-server.ts';

/** A cell whose database is read. */
export interface CellDatabase {
  uuid: string;
  /** Runs a read, and notes a failure instead of throwing it. */
  attempt<Row>(read: (database: Database) => Promise<Row[]>): Promise<Row[]>;
}

/** Servers a page; the widest rows of as many fit an answer of 1 MiB. */
const pageLength = 1_000;

/** Reads the next page while a page is scanned. */
async function* inPages<Row extends { uuid: string }>(read: (after: string) => Promise<Row[]>): AsyncGenerator<Row> {
  for (let next: Promise<Row[]> | undefined = read(firstUuid); next; ) {
    const page: Row[] = await next;
    const last = page.at(-1);
    next = last && page.length === pageLength ? read(last.uuid) : undefined;
    // A failure is met when the page is wanted.
    next?.catch(() => {});
    yield* page;
  }
}

/** A stream whose next row is known. */
interface Head<Row> {
  row: Row | undefined;
  /** Returns the next row if it is this server's, and moves on. */
  take(uuid: string): Promise<Row | undefined>;
}

async function headOf<Row extends { uuid: string }>(rows: AsyncGenerator<Row>): Promise<Head<Row>> {
  const advance = async () => {
    const { value, done } = await rows.next();
    return done ? undefined : value;
  };
  const head: Head<Row> = {
    row: await advance(),
    async take(uuid) {
      const { row } = head;
      if (row?.uuid !== uuid) return undefined;
      head.row = await advance();
      return row;
    },
  };
  return head;
}

/**
 * Returns every server of which anything living is left, by uuid. The databases are read one after another while the cloud runs, so what contradicts itself
 * needs a recheck.
 */
export async function* scan(api: Database, cells: readonly CellDatabase[]): AsyncGenerator<ServerFacts> {
  const [records, ...heads] = await Promise.all([
    headOf(inPages((after) => scanServers(api, after, pageLength))),
    ...cells.map(({ attempt }) => headOf(inPages((after) => attempt((database) => scanInstances(database, after, pageLength))))),
  ]);
  for (;;) {
    let uuid = records.row?.uuid;
    for (const { row } of heads) if (row && (uuid === undefined || row.uuid < uuid)) uuid = row.uuid;
    if (uuid === undefined) return;
    const rows = new Map<string, ServerRow>();
    for (const [index, head] of heads.entries()) {
      const row = await head.take(uuid);
      const cell = cells[index];
      if (row && cell) rows.set(cell.uuid, row);
    }
    yield { uuid, records: await records.take(uuid), rows };
  }
}
