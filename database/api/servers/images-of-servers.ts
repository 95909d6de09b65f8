/**
 * The image of a server is its cell's: the cell changes it when it accepts a rebuild. The request spec, by which the scheduler knows it, follows. A cell counts
 * the rebuilds of a server, so of two that write, in whatever order, the later rebuild is right.
 */
import { type Database, query } from '../../data-api/client.ts';
import type { RequestSpec } from './request-spec.ts';

/** The image of a server since one of its rebuilds. */
export interface ImageOfServer {
  uuid: string;
  image: NonNullable<RequestSpec['image']>;
  /** How often the server had been rebuilt then. */
  rebuilds: number;
}

/** Notes images in the request specs of servers, with what images inherit of them that are made of the servers; one that has that of a later rebuild stays as it is. */
export async function noteImages(api: Database, servers: readonly ImageOfServer[]): Promise<void> {
  await query(
    api,
    `with
     -- The servers, in an order that all have.
     rebuilt as (
       select s.id, list.image, list.rebuilds from jsonb_to_recordset(:servers::jsonb) as list (uuid uuid, image jsonb, rebuilds int)
       join request_specs s on s.instance_uuid = list.uuid order by s.id for update of s)
     update request_specs s set spec = spec - 'inherited' || jsonb_build_object('image', rebuilt.image, 'rebuilds', rebuilt.rebuilds)
       || coalesce((
         select jsonb_build_object('inherited', jsonb_build_object('min_disk', min_disk, 'min_ram', min_ram,
           'disk_format', disk_format, 'container_format', container_format))
         from images where id = (rebuilt.image->>'id')::uuid), '{}')
     from rebuilt where s.id = rebuilt.id and coalesce((spec->>'rebuilds')::int, 0) < rebuilt.rebuilds`,
    { servers },
  );
}
