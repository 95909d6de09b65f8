/** The bodies of servers, key by key at the microversion that the client asked for (nova-facts 2.1). */

import { createHash } from 'node:crypto';
import type { Caller } from '../../../../common/caller.ts';
import { allows } from '../../../../common/policy.ts';
import type { Instance, InstanceMapping, Server, WholeServer } from '../../../../compute/servers/find-server.ts';
import type { ServerOfCell } from '../../../../compute/servers/show-server.ts';
import { statusOf } from '../../../../compute/servers/status.ts';
import type { ChangeName, Microversion } from '../microversions.ts';
import { bookmark, selfLinks } from '../shared/links.ts';
import { microseconds } from '../shared/times.ts';
import { isImageProperty } from './image-properties.ts';

/** What decides how a server is shown. */
export interface View {
  caller: Caller;
  microversion: Microversion;
  baseUrl: string;
  /** Whether one server is shown, or it stands in a list. */
  single: boolean;
}

const withProgress = new Set(['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING']);
const withFault = new Set(['ERROR', 'DELETED']);

/** Returns a server as `GET /servers` lists it. */
export function serverSummary({ mapping, instance }: Server, { baseUrl }: View): object {
  const links = selfLinks(baseUrl, 'servers', mapping.uuid);
  return instance ? { id: mapping.uuid, name: instance.display_name, links } : { id: mapping.uuid, status: 'UNKNOWN', links };
}

const isWhole = (server: Server | ServerOfCell): server is WholeServer | ServerOfCell => server.instance !== null;

/** Returns a server whole. */
export function serverDetail(server: Server | ServerOfCell, view: View): object {
  if (!isWhole(server)) return unreachableServer(server.mapping, view);
  const { mapping, instance } = server;
  const { caller, microversion, baseUrl } = view;
  const since = (change: ChangeName, keys: () => object) => (microversion.has(change) ? keys() : {});
  const admin = allows(caller, 'os_compute_api:os-extended-server-attributes');
  const status = statusOf(instance);
  return {
    id: instance.uuid,
    name: instance.display_name,
    status,
    tenant_id: instance.project_id,
    user_id: instance.user_id,
    metadata: instance.metadata,
    hostId: hostId(instance),
    image: imageView(instance, microversion, baseUrl),
    flavor: flavorView(instance, microversion, baseUrl),
    created: seconds(instance.created_at),
    updated: seconds(instance.updated_at ?? instance.created_at),
    addresses: {},
    accessIPv4: instance.access_ip_v4 ?? '',
    accessIPv6: instance.access_ip_v6 ?? '',
    links: selfLinks(baseUrl, 'servers', instance.uuid),
    config_drive: instance.config_drive ?? '',
    key_name: instance.key_name,
    'OS-DCF:diskConfig': instance.auto_disk_config ? 'AUTO' : 'MANUAL',
    'OS-EXT-AZ:availability_zone': instance.availability_zone ?? '',
    'OS-EXT-STS:vm_state': instance.vm_state,
    'OS-EXT-STS:task_state': instance.task_state,
    'OS-EXT-STS:power_state': instance.power_state,
    'OS-SRV-USG:launched_at': instance.launched_at && microseconds(instance.launched_at),
    'OS-SRV-USG:terminated_at': instance.terminated_at && microseconds(instance.terminated_at),
    'os-extended-volumes:volumes_attached': volumes(instance, microversion),
    ...(withProgress.has(status) ? { progress: instance.progress } : {}),
    ...(withFault.has(status) && instance.fault ? { fault: faultView(instance.fault, admin) } : {}),
    ...(admin ? adminAttributes(instance, microversion) : {}),
    ...since('serverLocked', () => ({ locked: instance.locked })),
    ...since('hostStatus', () =>
      allows(caller, 'os_compute_api:servers:show:host_status') ? { host_status: instance.host_status ?? '' } : {},
    ),
    ...since('serverDescription', () => ({ description: instance.display_description })),
    ...since('serverTags', () => ({ tags: instance.tags })),
    ...since('trustedCertificates', () => ({ trusted_image_certificates: instance.trusted_certs ?? null })),
    ...since('serverGroups', () => (view.single ? { server_groups: mapping.groups } : {})),
    ...since('lockedReason', () => ({ locked_reason: instance.system_metadata.locked_reason ?? null })),
    ...since('hostnames', () => ({ 'OS-EXT-SRV-ATTR:hostname': instance.hostname })),
    ...since('pinnedZones', () => ({ pinned_availability_zone: mapping.spec?.availability_zone ?? null })),
    ...since('schedulerHints', () => ({ scheduler_hints: mapping.spec?.scheduler_hints ?? {} })),
  };
}

/** What the answer to a change leaves out before 2.75. */
const leftOut = /^(OS-EXT-|OS-SRV-USG:|os-extended-volumes:|config_drive$|key_name$|host_status$)/;

/** Returns a server as the answer to its change shows it: since 2.75 as when it is shown. */
export function changedServer(server: WholeServer, view: Omit<View, 'single'>): object {
  const detail = serverDetail(server, { ...view, single: true });
  if (view.microversion.has('strictRequests')) return detail;
  return Object.fromEntries(Object.entries(detail).filter(([key]) => !leftOut.test(key)));
}

/** What is known of a server whose cell does not answer (microversion 2.69). */
function unreachableServer(mapping: InstanceMapping, { baseUrl, microversion, single }: View): object {
  const { uuid, projectId, userId, createdAt, spec } = mapping;
  return {
    id: uuid,
    status: 'UNKNOWN',
    tenant_id: projectId,
    created: seconds(createdAt),
    links: selfLinks(baseUrl, 'servers', uuid),
    ...(single
      ? {
          user_id: userId,
          image: spec?.image ? { id: spec.image.id, links: [bookmark(baseUrl, 'images', spec.image.id)] } : '',
          flavor: spec ? embeddedFlavor(spec.flavor) : {},
          'OS-EXT-AZ:availability_zone': spec?.availability_zone ?? 'UNKNOWN',
          'OS-EXT-STS:power_state': 0,
          ...(microversion.has('serverGroups') ? { server_groups: mapping.groups } : {}),
        }
      : {}),
  };
}

function adminAttributes(instance: Instance, microversion: Microversion): object {
  const name = instance.id === undefined ? '' : `instance-${instance.id.toString(16).padStart(8, '0')}`;
  return {
    'OS-EXT-SRV-ATTR:host': instance.host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': instance.node,
    'OS-EXT-SRV-ATTR:instance_name': name,
    ...(microversion.has('extendedAttributes')
      ? {
          'OS-EXT-SRV-ATTR:hostname': instance.hostname,
          'OS-EXT-SRV-ATTR:kernel_id': instance.kernel_id ?? '',
          'OS-EXT-SRV-ATTR:ramdisk_id': instance.ramdisk_id ?? '',
          'OS-EXT-SRV-ATTR:launch_index': instance.launch_index,
          'OS-EXT-SRV-ATTR:reservation_id': instance.reservation_id,
          'OS-EXT-SRV-ATTR:root_device_name': instance.root_device_name,
          'OS-EXT-SRV-ATTR:user_data': instance.user_data,
        }
      : {}),
  };
}

/** Distinguishes hosts for tenants without naming them. */
function hostId({ host, project_id }: Instance): string {
  return host ? createHash('sha224').update(`${project_id}${host}`).digest('hex') : '';
}

function imageView({ image_ref, system_metadata }: Instance, microversion: Microversion, baseUrl: string): object | '' {
  if (!image_ref) return '';
  const image = { id: image_ref, links: [bookmark(baseUrl, 'images', image_ref)] };
  if (!microversion.has('imageProperties')) return image;
  const properties = Object.entries(system_metadata)
    .filter(([key]) => key.startsWith('image_'))
    .map(([key, value]): [string, string] => [key.slice('image_'.length), value])
    .filter(([key]) => isImageProperty(key));
  return { ...image, properties: Object.fromEntries(properties) };
}

function flavorView({ flavor }: Instance, microversion: Microversion, baseUrl: string): object {
  if (!microversion.has('embeddedFlavor')) return { id: flavor.flavorid, links: [bookmark(baseUrl, 'flavors', flavor.flavorid)] };
  return embeddedFlavor(flavor);
}

function embeddedFlavor({ vcpus, memory_mb, root_gb, ephemeral_gb, swap, name, extra_specs }: Instance['flavor']): object {
  return { vcpus, ram: memory_mb, disk: root_gb, ephemeral: ephemeral_gb, swap, original_name: name, extra_specs };
}

function faultView({ code, message, details, created_at }: NonNullable<Instance['fault']>, admin: boolean): object {
  const shown = details && (admin || code !== 500);
  return { code, created: seconds(created_at), message, ...(shown ? { details } : {}) };
}

function volumes({ block_device_mappings }: Instance, microversion: Microversion): object[] {
  return block_device_mappings
    .filter(({ volume_id }) => volume_id !== null)
    .map(({ volume_id, delete_on_termination }) => ({
      id: volume_id,
      ...(microversion.has('extendedAttributes') ? { delete_on_termination } : {}),
    }));
}

function seconds(timestamp: string): string {
  return `${new Date(timestamp).toISOString().slice(0, 19)}Z`;
}
