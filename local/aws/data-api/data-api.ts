/**
 * The RDS Data API over one PostgreSQL: a database for each Aurora cluster, with the types, limits, errors and manners of the cloud, because whatever is
 * more lenient here fails there. It is also where tests see every call and decide what goes wrong.
 */

import * as z from 'zod';
import type { Postgres } from '../../postgres/postgres.ts';
import type { AwsRequest, AwsService } from '../server.ts';
import { type Call, type CallLog, createCallLog, type Operation } from './calls.ts';
import type { Clusters, Opened } from './clusters.ts';
import { type Database, openDatabase } from './databases.ts';
import { dataApiError } from './errors.ts';
import { createFaults, type Faults } from './faults.ts';
import { operations, type Prepared } from './operations.ts';
import { createTransactions } from './transactions.ts';

/** A Data API, to be served by `startAws`. */
export interface DataApi {
  readonly service: AwsService;
  readonly calls: CallLog;
  readonly faults: Faults;
  /** Calls a listener with every call once it is answered. Returns a function that ends this. */
  onCall(listener: (call: Readonly<Call>) => void): () => void;
  /** Breaks running statements and open transactions off and closes all connections. */
  close(): Promise<void>;
}

/** What a Data API stands on. */
export interface DataApiOptions {
  readonly postgres: Postgres;
  /** A cluster made later is served at once. */
  readonly clusters: Clusters;
  /** Milliseconds a statement may run; by default the cloud's limit. */
  readonly statementLimit?: number;
  /** Milliseconds a transaction may be idle; by default the cloud's limit. */
  readonly transactionIdleLimit?: number;
}

const requestBytes = 4 * 1024 * 1024;
const cloudStatementLimit = 45_000;
const cloudTransactionIdleLimit = 180_000;

/** Makes a Data API. */
export function createDataApi(options: DataApiOptions): DataApi {
  const { postgres, clusters, statementLimit = cloudStatementLimit, transactionIdleLimit = cloudTransactionIdleLimit } = options;
  const calls = createCallLog();
  const faults = createFaults();
  const listeners = new Set<(call: Readonly<Call>) => void>();
  const context = { transactions: createTransactions(transactionIdleLimit), statementLimit };
  const databases = new Map<string, Database>();

  const open = (opened: Opened): Database => {
    const key = JSON.stringify(opened);
    const database = databases.get(key) ?? openDatabase(postgres.connection, opened, statementLimit);
    databases.set(key, database);
    return database;
  };

  const respond = async (operation: Operation, body: Buffer): Promise<string> => {
    const prepared = prepare(operation, body);
    const cluster = await clusters.clusterOf(prepared.target);
    const call = calls.record({ cluster, operation, sql: prepared.sql });
    try {
      const applyAfter = await faults.apply(call);
      const answer = await prepared.run(open(await clusters.databaseOf(prepared.target)), context);
      applyAfter();
      return answer;
    } catch (error) {
      call.error = error instanceof Error ? error.name : 'Error';
      throw error;
    } finally {
      call.endedAt = performance.now();
      for (const listener of listeners) listener(call);
    }
  };

  return {
    service: ({ path, body }: AwsRequest) => {
      const operation = operationAt(path);
      return operation && respond(operation, body);
    },
    calls,
    faults,
    onCall(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async close() {
      await Promise.all([...databases.values()].map((database) => database.close()));
    },
  };
}

function operationAt(path: string): Operation | undefined {
  const name = path.slice(1);
  return Object.hasOwn(operations, name) ? (name as Operation) : undefined;
}

function prepare(operation: Operation, body: Buffer): Prepared {
  if (body.length > requestBytes) throw dataApiError('BadRequestException', 'The request is larger than 4 MiB.');
  try {
    return operations[operation](JSON.parse(body.toString()));
  } catch (error) {
    if (!(error instanceof z.ZodError || error instanceof SyntaxError)) throw error;
    throw dataApiError('BadRequestException', error.message);
  }
}
