/** What a client changes of a server's own row, whatever state it is in. */
import { type Database, queryDocuments } from '../../data-api/client.ts';
import { changeableColumns, type Instance, type InstanceChanges } from '../../servers/document.ts';
import { instanceDocument } from './find.ts';

/** Changes a server and returns it as it is now; what changes nothing leaves its time of change, as in Nova. Undefined when the cell has no such living server. */
export async function updateInstance(cell: Database, uuid: string, changes: InstanceChanges): Promise<Instance | undefined> {
  const { documents } = await queryDocuments<Instance>(
    cell,
    `select uuid as key, ${instanceDocument('changed')} as doc from changed`,
    { uuid, changes },
    {
      ctes: `
       -- With the new values, and the others as they are.
       changed as (
         update instances i
         set (${changeableColumns.join(', ')}) =
             (select ${changeableColumns.map((column) => `r.${column}`).join(', ')} from jsonb_populate_record(i, :changes::jsonb) r),
           updated_at = case when jsonb_populate_record(i, :changes::jsonb) is distinct from i then now() else updated_at end
         where uuid = :uuid::uuid and deleted = 0
         returning *)`,
    },
  );
  return documents.get(uuid);
}
