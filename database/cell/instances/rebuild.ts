/** A rebuild, as its cell accepts it: what the server shall be from now on is changed with the statement that begins the task, as Nova's API changes it. */
import { type Database, queryDocuments } from '../../data-api/client.ts';
import { changeableColumns, type Instance } from '../../servers/document.ts';
import { beginning, beginTaskCtes, type FoundServer, type NewTask, type Precondition } from '../tasks.ts';
import { instanceDocument } from './find.ts';

/** The columns of its row that a rebuild may change. */
const rebuiltColumns = [...changeableColumns, ...(['key_name', 'key_data', 'user_data'] as const)];

/** What a rebuild changes of a server; what is undefined stays as it is. */
export interface RebuildChanges {
  columns: Partial<Pick<Instance, (typeof rebuiltColumns)[number]>>;
  /** Of a server with its root disk on a volume it stays as it is. */
  imageRef: string | undefined;
  metadata: Record<string, string> | undefined;
  /** What is kept of the image, with the prefix `image_`. */
  imageMetadata: Record<string, string> | undefined;
  trustedCerts: string[] | null | undefined;
}

/** Which servers the image does not fit: those that have their root disk on their host, or those that have it on a volume. */
export interface RefusedRebuild {
  onHost: boolean;
  onVolume: boolean;
}

/** A server as a rebuild found it. */
export interface FoundToRebuild extends FoundServer {
  onVolume: boolean;
  /** Which of its rebuilds this is. */
  rebuilds: number;
  /** The server as it is now; null when the rebuild was not accepted. */
  instance: Instance | null;
}

/**
 * Begins the task of a rebuild and changes the server. What the host needs to know says whether the server is to be left stopped. Sent twice, it answers the same.
 * @returns undefined when the cell does not know the server.
 */
export async function beginRebuild(
  cell: Database,
  task: NewTask,
  precondition: Precondition,
  changes: RebuildChanges,
  refused: RefusedRebuild,
): Promise<FoundToRebuild | undefined> {
  const { columns, imageRef, metadata, imageMetadata, trustedCerts } = changes;
  const onVolume = `coalesce(found.image_ref, '') = ''`;
  const { documents } = await queryDocuments<FoundToRebuild>(
    cell,
    `select found.uuid as key, jsonb_build_object('host', found.host, 'fencing_token', found.fencing_token, 'vm_state', found.vm_state,
       'task_state', found.task_state, 'locked', found.locked, 'launched_at', found.launched_at, 'onVolume', ${onVolume},
       'accepted', accepted.uuid is not null or sent_before, 'rebuilds', coalesce(accepted.rebuilds, count_rebuilds(found.uuid)),
       'instance', case when accepted.uuid is not null or sent_before then ${instanceDocument('now')} end) as doc
     from found left join accepted on true cross join lateral (select (coalesce(accepted.server, found.server)).*) now`,
    {
      ...beginning(task, precondition),
      columns,
      image_ref: imageRef ?? null,
      metadata: metadata ?? null,
      image_metadata: imageMetadata ?? null,
      trusted_certs: trustedCerts ?? null,
      sets_certs: trustedCerts !== undefined,
      refused_on_host: refused.onHost,
      refused_on_volume: refused.onVolume,
    },
    {
      ctes: `${beginTaskCtes({
        condition: `not case when ${onVolume} then :refused_on_volume else :refused_on_host end`,
        arguments: `:arguments::jsonb || jsonb_build_object('type', case found.vm_state when 'stopped' then 'STOPPED' else 'ACTIVE' end)`,
        assignments: `,
         (${rebuiltColumns.join(', ')}) = (select ${rebuiltColumns.map((column) => `r.${column}`).join(', ')} from jsonb_populate_record(i, :columns::jsonb) r),
         image_ref = case when ${onVolume} then i.image_ref else coalesce(:image_ref, i.image_ref) end`,
        functions: `, count_rebuilds(i.uuid) + 1 as rebuilds,
         case when :metadata::jsonb is not null then set_metadata(i.uuid, :metadata::jsonb) end,
         case when :image_metadata::jsonb is not null then set_image_metadata(i.uuid, :image_metadata::jsonb) end`,
      })},
     -- The certificates by which its image may be signed.
     certificates as (
       update instance_extra set trusted_certs = :trusted_certs::jsonb from accepted where instance_uuid = accepted.uuid and :sets_certs)`,
    },
  );
  return documents.get(task.server);
}
