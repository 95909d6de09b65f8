/** Hosts and requests for tests of what is a function of them. */

import { simulatedCapabilities } from '../../../database/api/hosts/hosts.ts';
import type { Group, HostClass, HostState } from '../../../database/api/scheduler/scheduling-state.ts';
import type { RequestSpec } from '../../../database/api/servers/request-spec.ts';

export const hostClass = (capabilities: Record<string, unknown> = {}, traits: string[] = []): HostClass => ({
  capabilities: { ...simulatedCapabilities, ...capabilities },
  traits,
});

let providers = 0;
export const host = (name: string, state: Partial<HostState> = {}): HostState => {
  providers += 1;
  return {
    ...{
      provider: providers,
      host: name,
      cell: 'cell1',
      zone: 'nova',
      hostClass: 'plain',
      free: { VCPU: 16, MEMORY_MB: 65_536, DISK_GB: 500 },
    },
    ...{ members: 0, failedBuilds: 0, starting: 0, servers: 0, alikeProperties: 0 },
    ...state,
  };
};

export const spec = (extraSpecs: Record<string, string> = {}, properties: Record<string, string> = {}): RequestSpec => ({
  flavor: {
    ...{ flavorid: '1', name: 'm1.tiny', memory_mb: 512, vcpus: 1, root_gb: 1, ephemeral_gb: 0, swap: 0 },
    extra_specs: extraSpecs,
  },
  image: { id: 'c1220500-0000-4000-8000-000000000001', properties },
  availability_zone: null,
  scheduler_hints: {},
});

export const group = (policy: Group['policy'], state: Partial<Group> = {}): Group => ({
  ...{ id: 1, name: 'web', policy, mostPerHost: 1, generation: 0, placed: 0 },
  ...state,
});
