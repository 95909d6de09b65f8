/** A numbered change of a schema. */
export interface Migration {
  version: number;
  name: string;
  /** DDL and DML statements, run in order inside one plpgsql block; never changed once released. */
  sql: string;
}
