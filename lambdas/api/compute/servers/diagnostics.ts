/**
 * What a guest has and uses, for admins; since 2.48 in a form that all of Nova's drivers share. Simulated hosts measure nothing, so what only a host could
 * know is null.
 */
import { checkHost } from '../../../../compute/servers/check-state.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import { findWholeServer } from './find.ts';

/** Nova's words for power states. */
const states: ReadonlyMap<number, string> = new Map([
  [0, 'pending'],
  [1, 'running'],
  [3, 'paused'],
  [4, 'shutdown'],
  [6, 'crashed'],
  [7, 'suspended'],
]);

/**
 * Returns the diagnostics of a server.
 * @throws NotFound when there is no such server for the caller, Conflict when it has no host, DatabaseUnreachable when its cell does not answer.
 */
export async function showDiagnostics(request: ApiRequest): Promise<{ status: 200; body: object }> {
  const { instance } = await findWholeServer(request);
  checkHost(instance);
  const { vcpus, memory_mb, power_state, launched_at, config_drive, block_device_mappings } = instance;
  const maximum = memory_mb * 1_024;
  if (!request.microversion.has('commonDiagnostics')) return { status: 200, body: { memory: maximum } };
  const unknownDisk = { errors_count: null, read_bytes: null, read_requests: null, write_bytes: null, write_requests: null };
  return {
    status: 200,
    body: {
      state: states.get(power_state) ?? 'pending',
      // The schema of the answer knows the names of Nova's own drivers only.
      driver: 'libvirt',
      hypervisor: 'simulated',
      hypervisor_os: null,
      uptime: launched_at && power_state === 1 ? Math.floor((Date.now() - Date.parse(launched_at)) / 1_000) : null,
      config_drive: config_drive === 'True',
      num_cpus: vcpus,
      num_disks: block_device_mappings.length,
      num_nics: 0,
      memory_details: { maximum, used: null },
      cpu_details: Array.from({ length: vcpus }, (_, id) => ({ id, time: null, utilisation: null })),
      disk_details: block_device_mappings.map(() => unknownDisk),
      nic_details: [],
    },
  };
}
