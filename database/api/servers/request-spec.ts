/** What was asked for, as the scheduler needs it. */

import type { InstanceFlavor } from '../../servers/document.ts';
import type { Resources } from '../hosts/allocations.ts';

/** What the scheduler must know of a server; kept until the server is archived, because quota is given back by it. */
export interface RequestSpec {
  flavor: InstanceFlavor;
  /** What extra specs of the flavor ask of a host instead of what the flavor has. */
  resources?: Partial<Resources>;
  image: { id: string; properties: Record<string, string> } | null;
  /** What an image that is made of the server inherits beside those properties; absent where a release before this one accepted the server. */
  inherited?: InheritedByImages;
  /** How often the server had been rebuilt when it had this image; without it, never. */
  rebuilds?: number;
  /** The availability zone the client asked for. */
  availability_zone: string | null;
  scheduler_hints: Record<string, string[]>;
  /** The one host an admin forces (`az:host:node`): filters and availability zone do not count, capacity and server group do. A host has one node of its name. */
  forced_host?: NamedHost;
  /** The one host an admin asks for; everything counts. */
  requested_host?: NamedHost;
  /** uuid of the server group. */
  group?: string;
}

/** What an image that is made of a server has of the one that the server was made from; min_disk in GiB, min_ram in MiB. */
export interface InheritedByImages {
  min_disk: number;
  min_ram: number;
  disk_format: string | null;
  container_format: string | null;
}

/** A host by its name, by its node's name, or by both. */
export interface NamedHost {
  host: string | null;
  node: string | null;
}
