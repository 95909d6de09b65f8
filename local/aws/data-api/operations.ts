/** The five operations of the Data API, each from a checked request to the JSON text of its answer. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientBase } from 'pg';
import * as z from 'zod';
import { databaseName } from '../arns.ts';
import type { Operation } from './calls.ts';
import { connectionId, type Database } from './databases.ts';
import { fromPostgres, statementTimeout } from './errors.ts';
import { boundValues, sqlParameter } from './parameters.ts';
import { answer, resultSetOptions } from './results.ts';
import { parseStatement } from './statement.ts';
import type { Transactions } from './transactions.ts';

const target = z.object({ resourceArn: z.string(), secretArn: z.string(), database: z.string().optional() });
const parameters = z.array(sqlParameter);

const executeRequest = target.extend({
  sql: z.string(),
  parameters: parameters.default([]),
  transactionId: z.string().optional(),
  continueAfterTimeout: z.boolean().default(false),
  formatRecordsAs: z.enum(['JSON', 'NONE']).default('NONE'),
  includeResultMetadata: z.boolean().default(false),
  resultSetOptions: resultSetOptions.prefault({}),
});
const batchRequest = target.extend({
  sql: z.string(),
  parameterSets: z.array(parameters).default([]),
  transactionId: z.string().optional(),
});
const endRequest = target.extend({ transactionId: z.string() });

/** What operations work with. */
export interface StatementContext {
  readonly transactions: Transactions;
  /** Milliseconds a call waits for its statement. */
  readonly statementLimit: number;
}

/** A request that has been checked: where it goes, what it says, and how it is answered. */
export interface Prepared {
  readonly target: z.infer<typeof target>;
  /** Empty when the operation has none. */
  readonly sql: string;
  run(database: Database, context: StatementContext): Promise<string>;
}

/** Reads a request body by operation. Each throws ZodError when the body has another form. */
export const operations: Readonly<Record<Operation, (body: unknown) => Prepared>> = {
  Execute: (body) => {
    const request = executeRequest.parse(body);
    return { target: request, sql: request.sql, run: (database, context) => execute(request, database, context) };
  },
  BatchExecute: (body) => {
    const request = batchRequest.parse(body);
    return { target: request, sql: request.sql, run: (database, context) => batch(request, database, context) };
  },
  BeginTransaction: (body) => ({
    target: target.parse(body),
    sql: '',
    run: async (database, { transactions }) => JSON.stringify({ transactionId: await transactions.begin(database) }),
  }),
  CommitTransaction: (body) => end(body, 'commit'),
  RollbackTransaction: (body) => end(body, 'rollback'),
};

async function execute(request: z.infer<typeof executeRequest>, database: Database, context: StatementContext): Promise<string> {
  const statement = parseStatement(request.sql);
  const values = boundValues(request.parameters);
  const { transactionId } = request;
  const run = async (client: ClientBase) => {
    const result = await database.run(client, statement, values, transactionId === undefined);
    return answer(result, await database.types(client, result), request);
  };
  if (transactionId !== undefined) return await context.transactions.within(transactionId, database, run);
  if (request.continueAfterTimeout) return await untilTimeout(database, context.statementLimit, run);
  return await database.withClient(run);
}

/** Answers when the call's time is up at the latest, while the statement goes on to its end. */
async function untilTimeout(database: Database, limit: number, run: (client: ClientBase) => Promise<string>): Promise<string> {
  let connection: number | undefined;
  const running = database.withClient(async (client) => {
    connection = connectionId(client);
    await client.query('set statement_timeout = 0');
    try {
      return await run(client);
    } finally {
      await client.query('reset statement_timeout');
    }
  });
  const timer = new AbortController();
  const late = sleep(limit, undefined, { signal: timer.signal }).then(
    () => Promise.reject(statementTimeout(connection)),
    () => running,
  );
  // The one that loses the race has no caller any more.
  late.catch(() => {});
  running.catch(() => {}).finally(() => timer.abort());
  return await Promise.race([running, late]);
}

async function batch(request: z.infer<typeof batchRequest>, database: Database, { transactions }: StatementContext): Promise<string> {
  const statement = parseStatement(request.sql);
  const sets = request.parameterSets.length > 0 ? request.parameterSets : [[]];
  const runAll = async (client: ClientBase) => {
    for (const set of sets) await database.run(client, statement, boundValues(set), false);
  };
  if (request.transactionId !== undefined) await transactions.within(request.transactionId, database, runAll);
  else await database.withClient((client) => atomically(client, runAll));
  return JSON.stringify({ updateResults: sets.map(() => ({ generatedFields: [] })) });
}

async function atomically(client: ClientBase, work: (client: ClientBase) => Promise<void>): Promise<void> {
  await client.query('begin');
  try {
    await work(client);
  } catch (error) {
    // A connection that cannot roll back is gone, and its transaction with it; the first error is the one to return.
    await client.query('rollback').catch(() => {});
    throw error;
  }
  await client.query('commit').catch((error: unknown) => {
    throw fromPostgres(error);
  });
}

function end(body: unknown, how: 'commit' | 'rollback'): Prepared {
  const request = endRequest.parse(body);
  return {
    // These requests name a transaction and no database.
    target: { ...request, database: databaseName },
    sql: '',
    run: async (database, { transactions }) => {
      const transactionStatus = await transactions.end(request.transactionId, database, how);
      return JSON.stringify({ transactionStatus });
    },
  };
}
