/** The os-availability-zone resource. Every compute host is in Nova's default zone until aggregates say otherwise. */
import { listHosts } from '../../../database/api/hosts.ts';
import { apiDatabase } from '../../api-database.ts';
import { type Route, route } from '../http/route.ts';

const zone = { zoneName: 'nova', zoneState: { available: true } };

async function detail() {
  const hosts = await listHosts(apiDatabase());
  const services = hosts.map(({ host, enabled, updatedAt }) => [
    host,
    { 'nova-compute': { available: enabled, active: enabled, updated_at: updatedAt } },
  ]);
  return { status: 200, body: { availabilityZoneInfo: [{ ...zone, hosts: Object.fromEntries(services) }] } };
}

/** The routes of the os-availability-zone resource. */
export const availabilityZoneRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/os-availability-zone',
    policy: 'os_compute_api:os-availability-zone:list',
    handle: async () => ({ status: 200, body: { availabilityZoneInfo: [{ ...zone, hosts: null }] } }),
  }),
  route({ method: 'GET', path: '/os-availability-zone/detail', policy: 'os_compute_api:os-availability-zone:detail', handle: detail }),
];
