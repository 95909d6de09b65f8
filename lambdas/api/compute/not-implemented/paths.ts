/** Paths of Nova's API that are not built, with Nova's policies; those below a server are in `servers/`. */
import type { Rule } from '../../../../common/policy.ts';
import type { Method } from '../../http/routing/route.ts';
import type { ChangeName } from '../microversions.ts';

type Path = `/${string}`;

/** Routes that came, or went, together. */
export interface RouteGroup {
  from?: ChangeName;
  until?: ChangeName;
  routes: readonly (readonly [method: Method, path: Path, policy: Rule])[];
}

/** Of these Nova asks only for a token. */
const anyone = '@';

/** What answers 501. */
export const unbuilt: readonly RouteGroup[] = [
  {
    routes: [
      ['GET', '/versions/{id}', anyone],
      ['GET', '/extensions', 'os_compute_api:extensions'],
      ['GET', '/extensions/{id}', 'os_compute_api:extensions'],
      ['POST', '/flavors/{id}/os-extra_specs', 'os_compute_api:os-flavor-extra-specs:create'],
      ['PUT', '/flavors/{id}/os-extra_specs/{key}', 'os_compute_api:os-flavor-extra-specs:update'],
      ['DELETE', '/flavors/{id}/os-extra_specs/{key}', 'os_compute_api:os-flavor-extra-specs:delete'],
      ['GET', '/flavors/{id}/os-flavor-access', 'os_compute_api:os-flavor-access'],
      ['GET', '/os-aggregates', 'os_compute_api:os-aggregates:index'],
      ['POST', '/os-aggregates', 'os_compute_api:os-aggregates:create'],
      ['GET', '/os-aggregates/{id}', 'os_compute_api:os-aggregates:show'],
      ['PUT', '/os-aggregates/{id}', 'os_compute_api:os-aggregates:update'],
      ['DELETE', '/os-aggregates/{id}', 'os_compute_api:os-aggregates:delete'],
      ['POST', '/os-assisted-volume-snapshots', 'os_compute_api:os-assisted-volume-snapshots:create'],
      ['DELETE', '/os-assisted-volume-snapshots/{id}', 'os_compute_api:os-assisted-volume-snapshots:delete'],
      ['GET', '/os-hypervisors', 'os_compute_api:os-hypervisors:list'],
      ['GET', '/os-hypervisors/detail', 'os_compute_api:os-hypervisors:list-detail'],
      ['GET', '/os-hypervisors/{id}', 'os_compute_api:os-hypervisors:show'],
      ['GET', '/os-instance_usage_audit_log', 'os_compute_api:os-instance-usage-audit-log:list'],
      ['GET', '/os-instance_usage_audit_log/{id}', 'os_compute_api:os-instance-usage-audit-log:show'],
      ['PUT', '/os-quota-class-sets/{id}', 'os_compute_api:os-quota-class-sets:update'],
      ['POST', '/os-server-external-events', 'os_compute_api:os-server-external-events:create'],
      ['GET', '/os-services', 'os_compute_api:os-services:list'],
      ['PUT', '/os-services/{id}', 'os_compute_api:os-services:update'],
      ['DELETE', '/os-services/{id}', 'os_compute_api:os-services:delete'],
      ['GET', '/os-simple-tenant-usage', 'os_compute_api:os-simple-tenant-usage:list'],
      ['GET', '/os-simple-tenant-usage/{id}', 'os_compute_api:os-simple-tenant-usage:show'],
      ['GET', '/os-volumes_boot', anyone],
      ['POST', '/os-volumes_boot', anyone],
      ['GET', '/os-volumes_boot/detail', anyone],
      ['GET', '/os-volumes_boot/{id}', anyone],
      ['PUT', '/os-volumes_boot/{id}', anyone],
      ['DELETE', '/os-volumes_boot/{id}', anyone],
      ['POST', '/os-volumes_boot/{id}/action', anyone],
    ],
  },
  {
    from: 'flavorDescription',
    routes: [['PUT', '/flavors/{id}', 'os_compute_api:os-flavor-manage:update']],
  },
  {
    from: 'imageCaches',
    routes: [['POST', '/os-aggregates/{id}/images', 'compute:aggregates:images']],
  },
  {
    until: 'noHypervisorStatistics',
    routes: [
      ['GET', '/os-hypervisors/statistics', 'os_compute_api:os-hypervisors:statistics'],
      ['GET', '/os-hypervisors/{id}/uptime', 'os_compute_api:os-hypervisors:uptime'],
    ],
  },
  {
    until: 'hypervisorUuids',
    routes: [
      ['GET', '/os-hypervisors/{id}/search', 'os_compute_api:os-hypervisors:search'],
      ['GET', '/os-hypervisors/{id}/servers', 'os_compute_api:os-hypervisors:servers'],
    ],
  },
  {
    until: 'noHosts',
    routes: [
      ['GET', '/os-hosts', 'os_compute_api:os-hosts:list'],
      ['GET', '/os-hosts/{id}', 'os_compute_api:os-hosts:show'],
      ['PUT', '/os-hosts/{id}', 'os_compute_api:os-hosts:update'],
      ['GET', '/os-hosts/{id}/reboot', 'os_compute_api:os-hosts:reboot'],
      ['GET', '/os-hosts/{id}/shutdown', 'os_compute_api:os-hosts:shutdown'],
      ['GET', '/os-hosts/{id}/startup', 'os_compute_api:os-hosts:start'],
    ],
  },
  {
    until: 'noImageMetadata',
    routes: [
      ['GET', '/images/{id}/metadata', anyone],
      ['POST', '/images/{id}/metadata', anyone],
      ['PUT', '/images/{id}/metadata', anyone],
      ['GET', '/images/{id}/metadata/{key}', anyone],
      ['PUT', '/images/{id}/metadata/{key}', anyone],
      ['DELETE', '/images/{id}/metadata/{key}', anyone],
    ],
  },
  {
    until: 'noNetworkProxies',
    routes: [
      ['GET', '/images', anyone],
      ['GET', '/images/detail', anyone],
      ['GET', '/images/{id}', anyone],
      ['DELETE', '/images/{id}', anyone],
      ['GET', '/os-baremetal-nodes', 'os_compute_api:os-baremetal-nodes:list'],
      ['POST', '/os-baremetal-nodes', anyone],
      ['GET', '/os-baremetal-nodes/{id}', 'os_compute_api:os-baremetal-nodes:show'],
      ['DELETE', '/os-baremetal-nodes/{id}', anyone],
      ['GET', '/os-floating-ip-pools', 'os_compute_api:os-floating-ip-pools'],
      ['GET', '/os-floating-ips', 'os_compute_api:os-floating-ips:list'],
      ['POST', '/os-floating-ips', 'os_compute_api:os-floating-ips:create'],
      ['GET', '/os-floating-ips/{id}', 'os_compute_api:os-floating-ips:show'],
      ['DELETE', '/os-floating-ips/{id}', 'os_compute_api:os-floating-ips:delete'],
      ['GET', '/os-networks', 'os_compute_api:os-networks:list'],
      ['GET', '/os-networks/{id}', 'os_compute_api:os-networks:show'],
      ['POST', '/os-security-group-rules', 'os_compute_api:os-security-groups:rule:create'],
      ['DELETE', '/os-security-group-rules/{id}', 'os_compute_api:os-security-groups:rule:delete'],
      ['GET', '/os-security-groups', 'os_compute_api:os-security-groups:get'],
      ['POST', '/os-security-groups', 'os_compute_api:os-security-groups:create'],
      ['GET', '/os-security-groups/{id}', 'os_compute_api:os-security-groups:show'],
      ['PUT', '/os-security-groups/{id}', 'os_compute_api:os-security-groups:update'],
      ['DELETE', '/os-security-groups/{id}', 'os_compute_api:os-security-groups:delete'],
      ['GET', '/os-snapshots', 'os_compute_api:os-volumes:snapshots:list'],
      ['POST', '/os-snapshots', 'os_compute_api:os-volumes:snapshots:create'],
      ['GET', '/os-snapshots/detail', 'os_compute_api:os-volumes:snapshots:detail'],
      ['GET', '/os-snapshots/{id}', 'os_compute_api:os-volumes:snapshots:show'],
      ['DELETE', '/os-snapshots/{id}', 'os_compute_api:os-volumes:snapshots:delete'],
      ['GET', '/os-tenant-networks', 'os_compute_api:os-tenant-networks:list'],
      ['GET', '/os-tenant-networks/{id}', 'os_compute_api:os-tenant-networks:show'],
      ['GET', '/os-volumes', 'os_compute_api:os-volumes:list'],
      ['POST', '/os-volumes', 'os_compute_api:os-volumes:create'],
      ['GET', '/os-volumes/detail', 'os_compute_api:os-volumes:detail'],
      ['GET', '/os-volumes/{id}', 'os_compute_api:os-volumes:show'],
      ['DELETE', '/os-volumes/{id}', 'os_compute_api:os-volumes:delete'],
      ['POST', '/os-baremetal-nodes/{id}/action', anyone],
    ],
  },
];

/** Actions that answer 501, by their paths. */
export const unbuiltActions: readonly (readonly [path: Path, actions: readonly (readonly [name: string, policy: Rule])[]])[] = [
  [
    '/flavors/{id}/action',
    [
      ['addTenantAccess', 'os_compute_api:os-flavor-access:add_tenant_access'],
      ['removeTenantAccess', 'os_compute_api:os-flavor-access:remove_tenant_access'],
    ],
  ],
  [
    '/os-aggregates/{id}/action',
    [
      ['add_host', 'os_compute_api:os-aggregates:add_host'],
      ['remove_host', 'os_compute_api:os-aggregates:remove_host'],
      ['set_metadata', 'os_compute_api:os-aggregates:set_metadata'],
    ],
  ],
];

/** What Nova has taken away, and answers with 410 in every microversion. */
export const removed: readonly (readonly [path: Path, methods: readonly Method[]])[] = [
  ['/os-agents', ['GET', 'POST']],
  ['/os-agents/{id}', ['PUT', 'DELETE']],
  ['/os-cells', ['GET', 'POST']],
  ['/os-cells/capacities', ['GET']],
  ['/os-cells/detail', ['GET']],
  ['/os-cells/info', ['GET']],
  ['/os-cells/sync_instances', ['POST']],
  ['/os-cells/{id}', ['GET', 'PUT', 'DELETE']],
  ['/os-cells/{id}/capacities', ['GET']],
  ['/os-certificates', ['POST']],
  ['/os-certificates/{id}', ['GET']],
  ['/os-cloudpipe', ['GET', 'POST']],
  ['/os-cloudpipe/{id}', ['PUT']],
  ['/os-fixed-ips/{id}', ['GET']],
  ['/os-fixed-ips/{id}/action', ['POST']],
  ['/os-floating-ip-dns', ['GET']],
  ['/os-floating-ip-dns/{id}', ['PUT', 'DELETE']],
  ['/os-floating-ip-dns/{id}/entries/{name}', ['GET', 'PUT', 'DELETE']],
  ['/os-floating-ips-bulk', ['GET', 'POST']],
  ['/os-floating-ips-bulk/{id}', ['GET', 'PUT']],
  ['/os-fping', ['GET']],
  ['/os-fping/{id}', ['GET']],
  ['/os-networks', ['POST']],
  ['/os-networks/add', ['POST']],
  ['/os-networks/{id}', ['DELETE']],
  ['/os-networks/{id}/action', ['POST']],
  ['/os-security-group-default-rules', ['GET', 'POST']],
  ['/os-security-group-default-rules/{id}', ['GET', 'DELETE']],
  ['/os-tenant-networks', ['POST']],
  ['/os-tenant-networks/{id}', ['DELETE']],
];
