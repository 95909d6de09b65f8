/**
 * Every statement of `database/` against the migrated schema: PostgreSQL takes it, and the columns it answers with are those of the type that reads it.
 * The statements are found where they stand, by calling each function with every alternative of its arguments; so nobody keeps a list of them.
 */
import { type ExecuteStatementCommand, type ExecuteStatementCommandInput, RDSDataClient } from '@aws-sdk/client-rds-data';
import { Client } from 'pg';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ColumnType, loadTypes, type TypeCatalogue } from '../../../local/aws/data-api/types.ts';
import { sharedPostgres } from '../../fixtures/postgres.ts';
import { ctesOf } from './ctes.ts';
import { prepare } from './prepare.ts';
import { type Place, readSources, root, type Sender } from './sources.ts';

/** A statement as it was sent. */
interface Sent extends Pick<ExecuteStatementCommandInput, 'sql' | 'parameters'> {
  place: Place;
  schema: Sender['schema'];
}

const { checker, places, senders } = readSources();
const sent = new Map<string, Sent>();

const postgres = sharedPostgres();
const clients = new Map<Sender['schema'], Client>();
let types: TypeCatalogue;
beforeAll(async () => {
  for (const sender of senders) await collect(sender);
  for (const schema of ['api', 'cell'] as const) {
    const client = new Client({ ...postgres.connection, database: await postgres.createDatabase(`cellzero_${schema}`) });
    await client.connect();
    clients.set(schema, client);
    types = await loadTypes(client);
  }
});
afterAll(async () => {
  for (const client of clients.values()) await client.end();
  await postgres.stop();
});

/** A function that reads in pieces ends when there are no more; one that never ends is stopped. */
const mostSent = 20;

/** Calls a function in all ways and notes what it sends; the answer has no rows, at which some throw. */
async function collect({ name, file, schema, calls }: Sender): Promise<void> {
  const { [name]: send } = await import(file);
  for (const args of calls) {
    let left = mostSent;
    const spy = vi.spyOn(RDSDataClient.prototype, 'send').mockImplementation(async (command) => {
      if (left-- === 0) throw new Error('it goes on for ever');
      const { stack = '' } = new Error();
      const place = places.find(({ at }) => stack.includes(`${root}${at}:`));
      if (!place) throw new Error(`a statement from nowhere: ${stack}`);
      const { sql, parameters } = (command as ExecuteStatementCommand).input;
      sent.set(`${place.at} ${sql}`, { place, schema, sql, parameters });
      return { columnMetadata: [], records: [] };
    });
    await Promise.resolve(send({ clusterArn: 'cluster', database: 'database', secretArn: 'secret' }, ...args)).catch(() => undefined);
    spy.mockRestore();
  }
}

/** What `query` returns for a column: a type of JavaScript, or anything for JSON. */
function given({ name, member, element }: ColumnType): string {
  if (element) return `${given(element)}[]`;
  if (name === 'json' || name === 'jsonb') return 'anything';
  return member === 'doubleValue' || member === 'longValue' ? 'number' : member.replace('Value', '');
}

const flags: Readonly<Record<string, ts.TypeFlags>> = {
  string: ts.TypeFlags.StringLike,
  number: ts.TypeFlags.NumberLike,
  boolean: ts.TypeFlags.BooleanLike,
};

/** Returns whether a type reads such a value; a column may be null, whatever it is. */
function reads(type: ts.Type, value: string): boolean {
  const present = checker.getNonNullableType(type);
  if (value === 'anything') return true;
  if (present.isUnion()) return present.types.every((each) => reads(each, value));
  if (!value.endsWith('[]')) return (present.flags & (flags[value] ?? 0)) !== 0;
  const [element] = checker.isArrayLikeType(present) ? checker.getTypeArguments(present as ts.TypeReference) : [];
  return element !== undefined && reads(element, value.slice(0, -'[]'.length));
}

test.each(places)('the statement at $at is what PostgreSQL takes and its reader reads', async ({ at, row }) => {
  const statements = [...sent.values()].filter(({ place }) => place.at === at);
  expect(statements).not.toEqual([]);
  for (const statement of statements) {
    const client = clients.get(statement.schema);
    if (!client) throw new Error(`no database of ${statement.schema}`);
    const columns = (await prepare(client, statement)).map(({ name, dataTypeID }) => {
      const type = types.get(dataTypeID);
      if (!type) throw new Error(`${name} has an unknown type`);
      return { name, value: given(type) };
    });
    if (!row) continue;
    const names = columns.map(({ name }) => name);
    expect(names, statement.sql).toEqual([...new Set(names)]);
    expect(names.filter((name) => !Object.hasOwn(row, name))).toEqual([]);
    for (const [name, { type, optional }] of Object.entries(row)) {
      const column = columns.find((each) => each.name === name);
      expect(column !== undefined || optional, name).toBe(true);
      if (column) expect(reads(type, column.value), `${name} is ${column.value}`).toBe(true);
    }
  }
});

/** Lines up to which a statement is taken in at a glance. */
const short = 25;

test('each part of a long statement says what it is for', () => {
  const silent = [...sent.values()].flatMap(({ place, sql = '' }) => {
    if (sql.split('\n').length <= short) return [];
    return ctesOf(sql).flatMap(({ name, comment }) => (comment === '' ? [`${place.at} ${name}`] : []));
  });
  expect([...new Set(silent)]).toEqual([]);
});

test('rows are numbered in an order', () => {
  const unordered = [...sent.values()].filter(({ sql = '' }) => /row_number\(\) over \(\s*\)/.test(sql));
  expect(unordered.map(({ place }) => place.at)).toEqual([]);
});
