/**
 * Writes a result as the Data API does. PostgreSQL's own texts go into the JSON as they are, so that no number loses a digit on the way; the limits are
 * those of the service: 64 KB a row, 1 MiB an answer.
 */

import type { QueryArrayResult } from 'pg';
import { parse as parseArray } from 'postgres-array';
import * as z from 'zod';
import { dataApiError } from './errors.ts';
import { type ColumnType, jdbcType, type TypeCatalogue } from './types.ts';

const rowBytes = 64 * 1024;
const answerBytes = 1024 * 1024;

/** How a caller wants numbers that may not fit a double. */
export const resultSetOptions = z.object({
  decimalReturnType: z.enum(['DOUBLE_OR_LONG', 'STRING']).default('STRING'),
  longReturnType: z.enum(['LONG', 'STRING']).default('LONG'),
});

/** What the caller asked of the answer. */
export interface AnswerOptions {
  readonly formatRecordsAs: 'JSON' | 'NONE';
  readonly includeResultMetadata: boolean;
  readonly resultSetOptions: z.infer<typeof resultSetOptions>;
}

/** A result of `pg` with every value as the text PostgreSQL sent. */
export type RawResult = QueryArrayResult<(string | null)[]>;

/**
 * Returns the JSON text of an answer to ExecuteStatement.
 * @throws AwsError (UnsupportedResultException) when a row or the answer is too large, or an array has more than one dimension.
 */
export function answer(result: RawResult, types: TypeCatalogue, options: AnswerOptions): string {
  const columns = result.fields.map((field) => types.get(field.dataTypeID) ?? unknownType);
  const updated = result.command === 'SELECT' ? 0 : (result.rowCount ?? 0);
  const members = [`"numberOfRecordsUpdated":${updated}`, '"generatedFields":[]'];
  if (columns.length > 0) members.push(...records(result, columns, options));
  const text = `{${members.join(',')}}`;
  if (Buffer.byteLength(text) > answerBytes) {
    throw dataApiError('UnsupportedResultException', 'Database returned more than the allowed response size limit');
  }
  return text;
}

const unknownType: ColumnType = { name: 'text', member: 'stringValue', element: undefined };

function records(result: RawResult, columns: readonly ColumnType[], options: AnswerOptions): string[] {
  for (const row of result.rows) checkSize(row);
  if (options.formatRecordsAs === 'JSON') {
    const names = result.fields.map(({ name }) => JSON.stringify(name));
    const rows = result.rows.map((row) => {
      const values = columns.map((type, index) => `${names[index]}:${plain(type, row[index] ?? null, options)}`);
      return `{${values.join(',')}}`;
    });
    return [`"formattedRecords":${JSON.stringify(`[${rows.join(',')}]`)}`];
  }
  const rows = result.rows.map((row) => `[${columns.map((type, index) => field(type, row[index] ?? null, options)).join(',')}]`);
  const members = [`"records":[${rows.join(',')}]`];
  if (options.includeResultMetadata) members.push(`"columnMetadata":${JSON.stringify(metadata(result, columns))}`);
  return members;
}

function checkSize(row: readonly (string | null)[]): void {
  let bytes = 0;
  for (const value of row) bytes += value === null ? 0 : Buffer.byteLength(value);
  if (bytes > rowBytes) {
    throw dataApiError('UnsupportedResultException', 'Database returned a row larger than the allowed row size limit of 64 KB');
  }
}

function metadata(result: RawResult, columns: readonly ColumnType[]): object[] {
  return columns.map((type, index) => {
    const name = result.fields[index]?.name ?? '';
    return {
      arrayBaseColumnType: type.element ? jdbcType(type.element) : 0,
      isAutoIncrement: false,
      isCaseSensitive: type.member === 'stringValue',
      isCurrency: false,
      isSigned: type.member === 'longValue' || type.member === 'doubleValue' || type.name === 'numeric',
      label: name,
      name,
      nullable: 2,
      precision: 0,
      scale: 0,
      schemaName: '',
      tableName: '',
      type: jdbcType(type),
      typeName: type.name,
    };
  });
}

function field(type: ColumnType, text: string | null, options: AnswerOptions): string {
  if (text === null) return '{"isNull":true}';
  if (type.element) return `{"arrayValue":${arrayValue(type.element, text, options)}}`;
  const member = memberOf(type, text, options);
  return `{"${member}":${scalar(type, member, text)}}`;
}

function plain(type: ColumnType, text: string | null, options: AnswerOptions): string {
  if (text === null) return 'null';
  if (!type.element) return scalar(type, memberOf(type, text, options), text);
  const { element } = type;
  return `[${elements(text)
    .map((item) => plain(element, item, options))
    .join(',')}]`;
}

function arrayValue(element: ColumnType, text: string, options: AnswerOptions): string {
  const items = elements(text);
  const member = memberOf(element, items.find((item) => item !== null) ?? '', options);
  const list = member === 'blobValue' ? 'stringValue' : member;
  return `{"${list}s":[${items.map((item) => (item === null ? 'null' : scalar(element, member, item))).join(',')}]}`;
}

function elements(text: string): (string | null)[] {
  const items: unknown[] = parseArray(text);
  if (!items.every((item) => item === null || typeof item === 'string')) {
    throw dataApiError('UnsupportedResultException', 'Multidimensional arrays are not supported');
  }
  return items;
}

function memberOf({ name, member }: ColumnType, text: string, { resultSetOptions }: AnswerOptions): ColumnType['member'] {
  if (name === 'int8' && resultSetOptions.longReturnType === 'STRING') return 'stringValue';
  if (name === 'numeric' && resultSetOptions.decimalReturnType === 'DOUBLE_OR_LONG')
    return /^-?\d+$/.test(text) ? 'longValue' : 'doubleValue';
  return member;
}

function scalar(type: ColumnType, member: ColumnType['member'], text: string): string {
  switch (member) {
    case 'longValue':
      return text;
    case 'doubleValue':
      return Number.isFinite(Number(text)) ? text : JSON.stringify(text);
    case 'booleanValue':
      return text === 't' ? 'true' : 'false';
    case 'blobValue':
      return `"${Buffer.from(text.slice('\\x'.length), 'hex').toString('base64')}"`;
    case 'stringValue':
      // The session is in UTC, and the Data API leaves the offset out.
      return JSON.stringify(type.name === 'timestamptz' ? text.replace(/\+00$/, '') : text);
  }
}
