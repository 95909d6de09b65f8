/**
 * Connections to the databases behind the Data API, and the one way a statement runs on them. Queries are prepared once a connection and keep their
 * plan; a statement that may change a schema or a session costs its connection and drops all plans.
 */

import { Client, type ClientBase, type ClientConfig, DatabaseError, Pool, type QueryArrayConfig } from 'pg';
import type { Postgres } from '../../postgres/postgres.ts';
import type { Opened } from './clusters.ts';
import { fromPostgres } from './errors.ts';
import type { RawResult } from './results.ts';
import { type BoundStatement, type BoundValue, bind, type Statement } from './statement.ts';
import { loadTypes, type TypeCatalogue } from './types.ts';

/** A database and its connections. */
export interface Database {
  /** Opens a connection of its own, for a transaction; its owner ends it. */
  connect(): Promise<Client>;
  /** Does some work with a pooled connection. */
  withClient<Result>(work: (client: ClientBase) => Promise<Result>): Promise<Result>;
  /**
   * Runs one statement, with every value of the result as the text PostgreSQL sent.
   * @param prepared whether its plan is kept; not in a transaction, which would not survive a plan gone stale.
   * @throws AwsError
   */
  run(client: ClientBase, statement: Statement, values: ReadonlyMap<string, BoundValue>, prepared: boolean): Promise<RawResult>;
  /** Types of the columns of a result. */
  types(client: ClientBase, result: RawResult): Promise<TypeCatalogue>;
  /** Breaks running statements off and closes all connections. */
  close(): Promise<void>;
}

/** Connections a database keeps; several databases share one server. */
const poolSize = 8;
/** Statements a connection keeps prepared. */
const plansKept = 500;

/** `pg` has this member, its types do not. Without it a text without parameters may hold many statements. */
interface ExtendedQuery extends QueryArrayConfig<(string | null)[]> {
  queryMode: 'extended';
}

/** Process of the server behind a connection, as `dbConnectionId` of a timeout names it. */
export function connectionId(client: ClientBase): number | undefined {
  return 'processID' in client && typeof client.processID === 'number' ? client.processID : undefined;
}

/**
 * Returns connections to one database of a server.
 * @param statementLimit milliseconds a statement may run.
 */
export function openDatabase(connection: Postgres['connection'], { database, user }: Opened, statementLimit: number): Database {
  const config: ClientConfig = {
    ...connection,
    database,
    user: user ?? connection.user,
    statement_timeout: statementLimit,
    types: { getTypeParser: () => (text: string) => text },
  };
  const pool = new Pool({ ...config, max: poolSize });
  // The pool replaces a connection that breaks, idle or at work; a statement that meets the cause reports it.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const busy = new Set<ClientBase>();
  pool.on('acquire', (client) => busy.add(client));
  pool.on('release', (_error, client) => busy.delete(client));
  const tainted = new WeakSet<ClientBase>();
  const plans = new Map<string, string>();
  let plansMade = 0;
  let types: TypeCatalogue = new Map();

  const planName = (text: string): string | undefined => {
    let name = plans.get(text);
    if (name === undefined && plans.size < plansKept) {
      plansMade += 1;
      name = `s${plansMade}`;
      plans.set(text, name);
    }
    return name;
  };

  const query = async (client: ClientBase, bound: BoundStatement, prepared: boolean): Promise<RawResult> => {
    const name = prepared ? planName(bound.text) : undefined;
    const config: ExtendedQuery = { ...bound, rowMode: 'array', queryMode: 'extended', ...(name === undefined ? {} : { name }) };
    try {
      return await client.query<(string | null)[]>(config);
    } catch (error) {
      if (name === undefined || !isStalePlan(error)) throw error;
      plans.clear();
      return await query(client, bound, prepared);
    }
  };

  return {
    async connect() {
      const client = new Client(config);
      client.on('error', () => {});
      client.on('end', () => busy.delete(client));
      busy.add(client);
      await client.connect();
      return client;
    },
    async withClient(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw fromPostgres(error);
      });
      try {
        return await work(client);
      } finally {
        client.release(tainted.has(client));
      }
    },
    async run(client, statement, values, prepared) {
      let bound: BoundStatement | undefined;
      try {
        bound = bind(statement, values);
        return await query(client, bound, prepared && statement.isQuery);
      } catch (error) {
        throw fromPostgres(error, statement, bound, connectionId(client));
      } finally {
        if (!statement.isQuery) {
          plans.clear();
          tainted.add(client);
        }
      }
    },
    async types(client, result) {
      if (result.fields.some((field) => !types.has(field.dataTypeID))) types = await loadTypes(client);
      return types;
    },
    async close() {
      await Promise.all([...busy].map((client) => (client instanceof Client ? client.end() : undefined)));
      await pool.end();
    },
  };
}

/** A table changed under a prepared statement: it failed before it began, and a plan made anew succeeds. */
function isStalePlan(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === '0A000' && error.message === 'cached plan must not change result type';
}
