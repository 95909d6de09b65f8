/**
 * The only way to a database: one SQL statement is one call of the RDS Data API, and a change of several tables is one statement.
 * Calls in sequence are the latency of everything above, so nothing here adds one, and there are no transactions to hold open.
 *
 * Every statement may be sent twice: a call that ends in 500, 503 or 504, or in silence, is repeated here or by the workflow, and its statement may have run.
 */

import { channel } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ColumnMetadata,
  ExecuteStatementCommand,
  type ExecuteStatementCommandOutput,
  type Field,
  RDSDataClient,
  type SqlParameter,
} from '@aws-sdk/client-rds-data';
import { isThrottlingError, isTransientError } from '@smithy/core/retry';
import { deadline } from './deadline.ts';
import { DatabaseUnreachable, isAnswer, StillRunning, sqlState } from './unreachable.ts';

export { DatabaseUnreachable, StillRunning };

/** Where a database is: an Aurora cluster, the name of the database in it, and the secret that opens it; and how long the caller waits for it. */
export interface Database {
  clusterArn: string;
  database: string;
  secretArn: string;
  /** Without one, every statement has the usual patience. */
  patience?: Patience;
  /** A statement that outlasts the Data API's 45 s goes on; its caller gets `StillRunning` and has to look for its end. */
  continueAfterTimeout?: boolean;
}

/** How long a caller waits for a database that is silent or fails. Time that it takes to wake up does not count: asleep is not failed. */
export interface Patience {
  /** Milliseconds for an answer. */
  each: number;
  /** Milliseconds that are left for all answers to those who share this object. */
  left: number;
  /** How often a statement is sent at most. */
  attempts: number;
}

/** A value of a named parameter. Objects and arrays are sent as JSON; SQL casts everything else (`:id::uuid`). */
export type Parameter = string | number | boolean | null | object;

/** A statement that has ended, well or with an error, after it waited for its database to wake up. */
export interface Call {
  database: Database;
  sql: string;
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number;
  error: unknown;
}

/** Publishes every `Call`, as the last thing of `query`, to those who count them. */
export const calls = channel('cellzero.data-api');

/** Of a paused Aurora, which takes about 15 s to wake up, and up to a minute after a day of sleep. */
const resuming = 'DatabaseResumingException';
/** The Data API has waited for a statement as long as it does. */
const timedOut = 'StatementTimeoutException';
/** PostgreSQL undid the statement, because it and another one waited for each other. Ours lock in one order; an operator's may not. */
const deadlock = '40P01';

/** Longer than a statement of a request or of a step takes. */
const usualPatience: Readonly<Patience> = { each: 20_000, left: Number.POSITIVE_INFINITY, attempts: 3 };
/** How long a database may take to wake up where nobody has set a deadline, as on the command line. */
const longestAwakening = 60_000;
const firstPause = 100;
const longestPause = 1_000;

/** A listing asks many cells at once, and one that is silent must not keep the others waiting for its connection. */
const connections = { maxSockets: 250 };

let client: RDSDataClient | undefined;

/**
 * Runs one statement and returns its rows as objects by column name: json and jsonb parsed, timestamps as ISO 8601 in UTC, int8 and
 * floats as numbers, numeric as string, arrays of texts as string[].
 *
 * `Row` is the caller's word for what the statement selects; the statement stands beside it.
 * @throws DatabaseUnreachable when PostgreSQL does not answer the statement in time; its answer, where that is an error, without the row that it quotes;
 * StillRunning where the database is to go on with it.
 */
export async function query<Row>(database: Database, sql: string, parameters: Readonly<Record<string, Parameter>> = {}): Promise<Row[]> {
  const startedAt = Date.now();
  const publish = (error?: unknown) => calls.publish({ database, sql, startedAt, endedAt: Date.now(), error } satisfies Call);
  try {
    const rows = await run<Row>(database, sql, parameters);
    publish();
    return rows;
  } catch (error) {
    publish(error);
    throw error;
  }
}

async function run<Row>(database: Database, sql: string, parameters: Readonly<Record<string, Parameter>>): Promise<Row[]> {
  const { columnMetadata = [], records = [] } = await send(
    database,
    new ExecuteStatementCommand({
      resourceArn: database.clusterArn,
      secretArn: database.secretArn,
      database: database.database,
      sql,
      parameters: Object.entries(parameters).map(([name, value]) => sqlParameter(name, value)),
      includeResultMetadata: true,
      continueAfterTimeout: database.continueAfterTimeout,
    }),
  );
  return records.map((record) => decodeRow(columnMetadata, record) as Row);
}

/**
 * Sends a statement until PostgreSQL has answered it, never past the deadline. What is sent again, and for how long, is decided here alone, so the SDK repeats
 * nothing; and nothing is sent again that went unanswered for as long as the caller waits.
 */
async function send(
  { database, patience = { ...usualPatience }, continueAfterTimeout = false }: Database,
  command: ExecuteStatementCommand,
): Promise<ExecuteStatementCommandOutput> {
  client ??= new RDSDataClient({ maxAttempts: 1, requestHandler: { httpAgent: connections, httpsAgent: connections } });
  const end = Number.isFinite(deadline()) ? deadline() : Date.now() + longestAwakening;
  let failures = 0;
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    const sentAt = Date.now();
    const time = Math.floor(Math.min(patience.each, patience.left, end - sentAt));
    if (time <= 0) throw new DatabaseUnreachable(`${database} was not asked: no time is left`);
    const outOfTime = AbortSignal.timeout(time);
    try {
      const answer = await client.send(command, { abortSignal: outOfTime });
      patience.left -= Date.now() - sentAt;
      return answer;
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      const error = withoutDetail(thrown);
      const undone = sqlState(error) === deadlock;
      if (isAnswer(error) && !undone) throw error;
      if (continueAfterTimeout && error.name === timedOut) throw new StillRunning(`${database} goes on with a statement`, { cause: error });
      const asleep = error.name === resuming;
      // A sleeper is asked once more just before the end.
      const rest = asleep ? Math.min(pause, end - Date.now() - firstPause) : pause * Math.random();
      if (!asleep) {
        failures += 1;
        patience.left -= Date.now() - sentAt + rest;
      }
      const again = asleep || undone || (!outOfTime.aborted && mayPass(error) && (failures < patience.attempts || wasCut(error, failures)));
      if (!again || (!asleep && patience.left <= 0) || rest <= 0 || Date.now() + rest >= end) {
        const reason = outOfTime.aborted ? `silent for ${time} ms` : `${error.name}: ${error.message}`;
        throw new DatabaseUnreachable(`${database} does not answer: ${reason}`, { cause: error });
      }
      await sleep(rest);
    }
  }
}

/** Returns whether an error may be gone the next time, by what the SDK knows of errors. */
function mayPass(error: Error): boolean {
  const sdkError = error as Parameters<typeof isTransientError>[0];
  return isTransientError(sdkError) || isThrottlingError(sdkError);
}

/** Returns whether the first sending met a connection that was closed while this function was frozen, which says nothing about the database. */
function wasCut(error: Error, failures: number): boolean {
  return failures === 1 && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
}

/** A row of the Data API holds 64 KB at most; a character takes up to 4 bytes. */
const pieceLength = 15_000;
/** An answer of the Data API holds 1 MiB at most, as JSON: what is escaped there counts as often as it is long. */
const answerBytes = 700_000;

/**
 * Runs a read whose rows are `(key, doc jsonb)` and returns the documents by key, however large they are: the Data API's limits for a row and for an
 * answer are met by cutting. `ctes` go before it, for what the read depends on; `order` is a list of its columns, by their key unless it says otherwise.
 * `truncated` says that more rows exist than fit one answer, the last in that order; ask again without the keys already answered.
 * @throws DatabaseUnreachable as `query` does.
 */
export async function queryDocuments<Doc>(
  database: Database,
  sql: string,
  parameters: Readonly<Record<string, Parameter>>,
  { ctes, order = 'key' }: { ctes?: string; order?: string } = {},
): Promise<{ documents: Map<string, Doc>; truncated: boolean }> {
  const rows = await query<{ key: string; piece: string; left_out: boolean }>(
    database,
    `with ${ctes ? `${ctes},` : ''} 
     -- What is read.
     documents as (${sql}),
     -- As text, in order.
     sized as (select key::text, doc::text as text, row_number() over (order by ${order}) as position from documents),
     -- With what each adds to the answer.
     counted as (select *, sum(octet_length(to_json(text)::text)) over (order by position) as bytes, count(*) over () as total from sized)
     select key, substr(text, number * ${pieceLength} + 1, ${pieceLength}) as piece,
       (max(position) over ()) < total as left_out
     from counted cross join lateral generate_series(0, (length(text) - 1) / ${pieceLength}) as number
     where bytes <= ${answerBytes} or position = 1
     order by position, number`,
    parameters,
  );
  const texts = new Map<string, string>();
  for (const { key, piece } of rows) texts.set(key, (texts.get(key) ?? '') + piece);
  const documents = new Map([...texts].map(([key, text]) => [key, JSON.parse(text) as Doc]));
  return { documents, truncated: rows[0]?.left_out ?? false };
}

/** PostgreSQL quotes the row that it refuses, and a row may hold user data; errors end up in logs and in the history of executions. */
function withoutDetail(error: Error): Error {
  const strip = (text: string) => text.replace(/; Detail: .*?(?=; (?:Hint|Position|SQLState): |$)/s, '');
  error.message = strip(error.message);
  error.stack = strip(error.stack ?? '');
  return error;
}

function sqlParameter(name: string, value: Parameter): SqlParameter {
  if (value === null) return { name, value: { isNull: true } };
  switch (typeof value) {
    case 'string':
      return { name, value: { stringValue: value } };
    case 'boolean':
      return { name, value: { booleanValue: value } };
    case 'number':
      return { name, value: Number.isSafeInteger(value) ? { longValue: value } : { doubleValue: value } };
    default:
      return { name, value: { stringValue: JSON.stringify(value) }, typeHint: 'JSON' };
  }
}

function decodeRow(columns: ColumnMetadata[], record: Field[]): Record<string, unknown> {
  return Object.fromEntries(
    record.map((field, index) => [columns[index]?.label ?? `column${index}`, decodeField(columns[index]?.typeName, field)]),
  );
}

function decodeField(type: string | undefined, field: Field): unknown {
  if (field.isNull) return null;
  if (field.arrayValue) return field.arrayValue.stringValues ?? field.arrayValue.longValues ?? [];
  const value = field.stringValue ?? field.longValue ?? field.booleanValue ?? field.doubleValue;
  if (typeof value !== 'string') return value;
  if (type === 'json' || type === 'jsonb') return JSON.parse(value);
  if (type === 'timestamptz') return `${value.replace(' ', 'T')}Z`;
  return value;
}
