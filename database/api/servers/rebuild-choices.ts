/** What a rebuild names and must find before it is accepted, read with the mapping of its server: image, key pair, limits, and what its host can do. */
import type { Database } from '../../data-api/client.ts';
import { disabledTrait } from '../hosts/allocations.ts';
import type { KeyPair } from '../keypairs.ts';
import { projectLimits } from '../quotas.ts';
import type { HostClass } from '../scheduler/scheduling-state.ts';
import { type BootImage, bootable, bootImage, bootKernelExists, bootKeyPair } from './boot-choices.ts';
import { findInstanceMappingToChange, type InstanceMapping } from './instance-mappings.ts';

/** null stands for what does not exist or is not for this project. */
export interface RebuildChoices<Limit extends string> {
  image: BootImage | null;
  /** Whether the kernel and the ramdisk that the image names are images that the project may use. */
  kernelExists: boolean;
  keyPair: KeyPair | null;
  /** By the names of the defaults; -1 is unlimited. */
  limits: Record<Limit, number>;
  /** That of the host on which the server has its allocation. */
  hostClass: HostClass | null;
}

/** Returns the mapping of a server that is about to be rebuilt, as findInstanceMappingToChange does, with what the rebuild names. */
export function findRebuildChoices<Limit extends string>(
  api: Database,
  uuid: string,
  projectId: string | null,
  asked: { imageId: string; userId: string; keyName: string | null; projectId: string; seesAll: boolean },
  defaults: Readonly<Record<Limit, number>>,
): Promise<(InstanceMapping & RebuildChoices<Limit>) | undefined> {
  return findInstanceMappingToChange(api, uuid, projectId, {
    ctes: `, ${bootable('id = :image_id::uuid')}`,
    sql: `jsonb_build_object(
       'image', ${bootImage}, 'kernelExists', ${bootKernelExists}, 'keyPair', ${bootKeyPair}, 'limits', ${projectLimits(':project')},
       'hostClass', (
         select jsonb_build_object('capabilities', p.capabilities, 'traits', array(select t from unnest(p.traits) t where t <> '${disabledTrait}'))
         from allocations a join resource_providers p on p.id = a.resource_provider_id
         where a.consumer_id = m.instance_uuid and a.resource_class = 'VCPU'))`,
    parameters: {
      image_id: asked.imageId,
      user_id: asked.userId,
      key_name: asked.keyName,
      project: asked.projectId,
      sees_all: asked.seesAll,
      defaults,
    },
  });
}
