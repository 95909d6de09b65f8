/** The os-availability-zone resource. Every compute host is in Nova's default zone until aggregates say otherwise. */
import { listHosts } from '../../../database/api/hosts.ts';
import { apiDatabase } from '../../api-database.ts';
import { type Route, route } from '../http/route.ts';

/** A zone exists when it has a host, and is available when one of its hosts is enabled; only those are told. */
async function zones(detail: boolean) {
  const all = await listHosts(apiDatabase());
  const enabled = all.filter((host) => host.enabled);
  const hosts = enabled.map(({ host, updatedAt }) => [
    host,
    { 'nova-compute': { available: true, active: true, updated_at: `${new Date(updatedAt).toISOString().slice(0, 23)}000` } },
  ]);
  const available = enabled.length > 0;
  const zone = { zoneName: 'nova', zoneState: { available }, hosts: detail && available ? Object.fromEntries(hosts) : null };
  return { status: 200, body: { availabilityZoneInfo: all.length > 0 ? [zone] : [] } };
}

/** The routes of the os-availability-zone resource. */
export const availabilityZoneRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/os-availability-zone',
    policy: 'os_compute_api:os-availability-zone:list',
    handle: () => zones(false),
  }),
  route({
    method: 'GET',
    path: '/os-availability-zone/detail',
    policy: 'os_compute_api:os-availability-zone:detail',
    handle: () => zones(true),
  }),
];
