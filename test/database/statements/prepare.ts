/** PostgreSQL's own word on a statement that is not run. */
import type { ExecuteStatementCommandInput } from '@aws-sdk/client-rds-data';
import type { Client, Connection, FieldDef, Submittable } from 'pg';
import * as z from 'zod';
import { boundValues, sqlParameter } from '../../../local/aws/data-api/parameters.ts';
import { bind, parseStatement } from '../../../local/aws/data-api/statement.ts';

/**
 * Prepares a statement as the Data API would and returns its columns, none for one that answers with no rows.
 * @throws DatabaseError when PostgreSQL refuses it.
 */
export function prepare(client: Client, { sql = '', parameters }: Partial<ExecuteStatementCommandInput>): Promise<FieldDef[]> {
  const { text } = bind(parseStatement(sql), boundValues(z.array(sqlParameter).parse(parameters)));
  return new Promise((resolve, reject) => {
    let columns: FieldDef[] = [];
    const statement: Submittable & Record<string, unknown> = {
      submit(connection: Connection) {
        connection.parse({ name: '', text, types: [] }, true);
        connection.describe({ type: 'S', name: '' }, false);
        connection.sync();
      },
      handleRowDescription({ fields }: { fields: FieldDef[] }) {
        columns = fields;
      },
      handleError: reject,
      handleReadyForQuery: () => resolve(columns),
    };
    client.query(statement);
  });
}
