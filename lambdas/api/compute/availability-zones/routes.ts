/** The os-availability-zone resource: the zones that hosts are in. A zone is available when one of its hosts is enabled; only those are told. */
import { listAvailabilityZones, listHosts } from '../../../../database/api/hosts/hosts.ts';
import { apiDatabase } from '../../../shared/api-database.ts';
import { type Route, route } from '../../http/routing/route.ts';
import { microseconds } from '../shared/times.ts';

async function list() {
  const zones = await listAvailabilityZones(apiDatabase());
  return answer(zones.map(({ name, available }) => ({ zoneName: name, zoneState: { available }, hosts: null })));
}

async function detail() {
  const hosts = Map.groupBy(await listHosts(apiDatabase()), ({ zone }) => zone);
  const zones = [...hosts].map(([zoneName, members]) => {
    const enabled = members.filter((host) => host.enabled);
    const services = enabled.map(({ host, updatedAt }) => [
      host,
      { 'nova-compute': { available: true, active: true, updated_at: microseconds(updatedAt) } },
    ]);
    const available = enabled.length > 0;
    return { zoneName, zoneState: { available }, hosts: available ? Object.fromEntries(services) : null };
  });
  return answer(zones.sort((a, b) => (a.zoneName < b.zoneName ? -1 : 1)));
}

/** Nova tells the available zones first. */
function answer<Zone extends { zoneState: { available: boolean } }>(zones: readonly Zone[]) {
  const available = zones.filter((zone) => zone.zoneState.available);
  return { status: 200, body: { availabilityZoneInfo: [...available, ...zones.filter((zone) => !zone.zoneState.available)] } };
}

/** The routes of the os-availability-zone resource. */
export const availabilityZoneRoutes: readonly Route[] = [
  route({ method: 'GET', path: '/os-availability-zone', policy: 'os_compute_api:os-availability-zone:list', handle: list }),
  route({ method: 'GET', path: '/os-availability-zone/detail', policy: 'os_compute_api:os-availability-zone:detail', handle: detail }),
];
