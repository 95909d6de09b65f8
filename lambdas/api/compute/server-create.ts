/** The body of `POST /servers` at each microversion, and what it asks of the control plane. */
import * as z from 'zod';
import type { BootRequest } from '../../../compute/servers/create-servers.ts';
import { booleanWord, integerFrom, metadata, name } from './parameters.ts';

const uuid = z.guid();
const description = z.string().max(255).nullable();
const tag = z
  .string()
  .min(1)
  .max(60)
  .regex(/^[^,/]*$/);

const network = z.strictObject({ uuid: uuid.optional(), port: uuid.nullish(), fixed_ip: z.string().optional(), tag: tag.optional() });

const blockDevice = z.strictObject({
  boot_index: z
    .union([
      z.int(),
      z
        .string()
        .regex(/^-?\d+$/)
        .transform(Number),
    ])
    .nullish(),
  uuid: z.string().min(1).max(255).optional(),
  image_id: uuid.optional(),
  snapshot_id: uuid.optional(),
  volume_id: uuid.optional(),
  source_type: z.enum(['volume', 'image', 'snapshot', 'blank']).default('volume'),
  destination_type: z.enum(['local', 'volume']).optional(),
  guest_format: z.string().max(255).nullish(),
  device_type: z.string().max(255).nullish(),
  disk_bus: z.string().max(255).nullish(),
  device_name: z
    .string()
    .max(255)
    .regex(/^[a-zA-Z0-9._\-/]*$/)
    .nullish(),
  delete_on_termination: booleanWord.default(false),
  volume_size: integerFrom(0).nullish(),
  volume_type: z.string().min(1).max(255).nullish(),
  no_device: z.object({}).optional(),
  tag: tag.optional(),
});

const base64 = z
  .string()
  .max(65_535)
  .regex(/^[A-Za-z0-9+/\s]*={0,2}\s*$/, 'is not base64');

const fields = {
  name,
  flavorRef: z.union([z.string().min(1), z.int()]).transform(String),
  imageRef: z.string().optional(),
  adminPass: z.string().max(255).optional(),
  metadata: metadata.default({}),
  'OS-DCF:diskConfig': z.enum(['AUTO', 'MANUAL']).optional(),
  accessIPv4: z.union([z.ipv4(), z.literal('')]).nullish(),
  accessIPv6: z.union([z.ipv6(), z.literal('')]).nullish(),
  availability_zone: z.string().min(1).max(255).optional(),
  config_drive: booleanWord.nullish(),
  min_count: integerFrom(1).optional(),
  max_count: integerFrom(1).optional(),
  key_name: name.optional(),
  return_reservation_id: booleanWord.default(false),
  security_groups: z.array(z.strictObject({ name: z.string().min(1).max(255) })).default([{ name: 'default' }]),
  user_data: base64.nullish(),
  block_device_mapping_v2: z.array(blockDevice).default([]),
};

const hostname = z
  .string()
  .min(2)
  .max(63)
  .regex(/^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$/);

const hints = z.record(z.string(), z.union([z.string(), z.array(z.string()), z.record(z.string(), z.unknown())])).optional();

function serverSchema(microversion: number) {
  const when = <Schema extends z.ZodType>(there: boolean, key: string, schema: Schema) =>
    there ? schema.optional() : z.never({ error: `Additional properties are not allowed ('${key}' was unexpected)` }).optional();
  return z.strictObject({
    ...fields,
    networks: microversion >= 37 ? z.union([z.array(network), z.enum(['auto', 'none'])]) : z.array(network).default([]),
    description: when(microversion >= 19, 'description', description),
    tags: when(microversion >= 52, 'tags', z.array(tag).max(50)),
    personality: when(microversion < 57, 'personality', z.array(z.unknown()).max(0)),
    trusted_image_certificates: when(microversion >= 63, 'trusted_image_certificates', z.array(z.string()).max(50).nullable()),
    hostname: when(microversion >= 90, 'hostname', hostname),
  });
}

/** Gives the schema of the whole body at a microversion. */
export function createBody(microversion: number) {
  return z.strictObject({ server: serverSchema(microversion), 'OS-SCH-HNT:scheduler_hints': hints, 'os:scheduler_hints': hints });
}

/** A body that passed the schema. */
export type CreateBody = z.infer<ReturnType<typeof createBody>>;

/** Turns a body into the words of the control plane. */
export function bootRequest(body: CreateBody): BootRequest {
  const { server } = body;
  const minCount = server.min_count ?? 1;
  const disks = server.block_device_mapping_v2;
  return {
    name: server.name,
    description: server.description ?? null,
    hostname: server.hostname ?? null,
    flavorId: server.flavorRef.split('/').at(-1) ?? '',
    imageRef: server.imageRef ?? '',
    minCount,
    maxCount: server.max_count ?? minCount,
    metadata: server.metadata,
    tags: [...new Set(server.tags ?? [])],
    keyName: server.key_name ?? null,
    userData: server.user_data ?? null,
    availabilityZone: server.availability_zone ?? null,
    configDrive: server.config_drive ?? false,
    autoDiskConfig: server['OS-DCF:diskConfig'] ? server['OS-DCF:diskConfig'] === 'AUTO' : null,
    accessIPv4: server.accessIPv4 || null,
    accessIPv6: server.accessIPv6 || null,
    networks: Array.isArray(server.networks) ? server.networks.flatMap(({ uuid, port }) => port ?? uuid ?? []) : [],
    securityGroups: [...new Set(server.security_groups.map(({ name }) => name))],
    blockDeviceMappings: disks.map(blockDeviceMapping),
    schedulerHints: hintLists(body['OS-SCH-HNT:scheduler_hints'] ?? body['os:scheduler_hints'] ?? {}),
  };
}

function blockDeviceMapping(disk: CreateBody['server']['block_device_mapping_v2'][number]) {
  const { source_type } = disk;
  return {
    source_type,
    destination_type: disk.destination_type ?? (source_type === 'image' || source_type === 'blank' ? 'local' : 'volume'),
    boot_index: disk.boot_index ?? null,
    device_name: disk.device_name ?? null,
    delete_on_termination: disk.delete_on_termination,
    image_id: disk.image_id ?? (source_type === 'image' ? (disk.uuid ?? null) : null),
    snapshot_id: disk.snapshot_id ?? (source_type === 'snapshot' ? (disk.uuid ?? null) : null),
    volume_id: disk.volume_id ?? (source_type === 'volume' ? (disk.uuid ?? null) : null),
    volume_size: disk.volume_size ?? null,
    volume_type: disk.volume_type ?? null,
    guest_format: disk.guest_format ?? null,
    device_type: disk.device_type ?? null,
    disk_bus: disk.disk_bus ?? null,
    tag: disk.tag ?? null,
  };
}

/** Nova keeps every hint as a list. */
function hintLists(given: Record<string, unknown>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      key,
      Array.isArray(value) ? value : [typeof value === 'string' ? value : JSON.stringify(value)],
    ]),
  );
}
