/** PostgreSQL's types as a result needs them: the name shown to the caller, JDBC's number for it, and the member of Field that carries a value. */

import type { ClientBase } from 'pg';

/** The member of Field a value goes into. */
export type FieldMember = 'stringValue' | 'longValue' | 'doubleValue' | 'booleanValue' | 'blobValue';

/** What a result has to know of a column's type. */
export interface ColumnType {
  readonly name: string;
  readonly member: FieldMember;
  /** Type of the elements when it is an array. */
  readonly element: ColumnType | undefined;
}

/** Types of one database by oid. */
export type TypeCatalogue = ReadonlyMap<number, ColumnType>;

const members: Readonly<Record<string, FieldMember>> = {
  int2: 'longValue',
  int4: 'longValue',
  int8: 'longValue',
  oid: 'longValue',
  float4: 'doubleValue',
  float8: 'doubleValue',
  bool: 'booleanValue',
  bytea: 'blobValue',
};

const jdbcArray = 2003;
const jdbcOther = 1111;
/** Numbers of java.sql.Types, which `columnMetadata.type` holds. */
const jdbcTypes: Readonly<Record<string, number>> = {
  bool: -7,
  bpchar: 1,
  bytea: -2,
  date: 91,
  float4: 7,
  float8: 8,
  int2: 5,
  int4: 4,
  int8: -5,
  name: 12,
  numeric: 2,
  oid: -5,
  text: 12,
  time: 92,
  timestamp: 93,
  timestamptz: 93,
  timetz: 92,
  varchar: 12,
};

/** JDBC's number of a type. */
export function jdbcType(type: ColumnType): number {
  return type.element ? jdbcArray : (jdbcTypes[type.name] ?? jdbcOther);
}

/** Reads the types a database knows, its own enums and domains included. */
export async function loadTypes(client: ClientBase): Promise<TypeCatalogue> {
  const { rows } = await client.query<[string, string, string]>({
    text: `select oid::text, typname::text, case when typcategory = 'A' then typelem else 0 end::text from pg_type`,
    rowMode: 'array',
  });
  const named = new Map(rows.map(([oid, name, element]) => [oid, { name, element }]));
  const describe = (oid: string): ColumnType => {
    const { name = 'text', element = '0' } = named.get(oid) ?? {};
    return { name, member: members[name] ?? 'stringValue', element: element === '0' ? undefined : describe(element) };
  };
  return new Map([...named.keys()].map((oid) => [Number(oid), describe(oid)]));
}
