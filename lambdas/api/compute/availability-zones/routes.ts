/** The os-availability-zone resource: the zones that hosts are in. */
import { listAvailabilityZones, listZonesWithHosts } from '../../../../compute/availability-zones/availability-zones.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { microseconds } from '../shared/times.ts';

async function list() {
  const zones = await listAvailabilityZones(apiDatabase());
  return answer(zones.map(({ name, available }) => ({ zoneName: name, zoneState: { available }, hosts: null })));
}

async function detail() {
  const zones = await listZonesWithHosts(apiDatabase());
  return answer(
    zones.map(({ name, available, hosts }) => {
      const services = hosts.map(({ host, updatedAt }) => [
        host,
        { 'nova-compute': { available: true, active: true, updated_at: microseconds(updatedAt) } },
      ]);
      return { zoneName: name, zoneState: { available }, hosts: available ? Object.fromEntries(services) : null };
    }),
  );
}

function answer(zones: object[]) {
  return { status: 200, body: { availabilityZoneInfo: zones } };
}

/** The routes of the os-availability-zone resource. */
export const availabilityZoneRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/os-availability-zone',
    policy: 'os_compute_api:os-availability-zone:list',
    toOthers: 'shared',
    handle: list,
  }),
  route({
    method: 'GET',
    path: '/os-availability-zone/detail',
    policy: 'os_compute_api:os-availability-zone:detail',
    toOthers: 'shared',
    handle: detail,
  }),
];
