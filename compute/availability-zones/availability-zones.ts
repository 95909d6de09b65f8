/** Availability zones: aggregates of hosts. A zone is available when one of its hosts is enabled. */
import { listHosts, type MappedHost, listAvailabilityZones as selectZones } from '../../database/api/hosts/hosts.ts';
import type { Database } from '../../database/data-api/client.ts';

/** A zone. */
export interface AvailabilityZone {
  name: string;
  available: boolean;
}

/** Returns the zones that hosts are in, those that are available first, as Nova does. One Data API call. */
export async function listAvailabilityZones(api: Database): Promise<AvailabilityZone[]> {
  return availableFirst(await selectZones(api));
}

/** Returns the zones in the same order, each with the hosts in it that are enabled. */
export async function listZonesWithHosts(api: Database): Promise<(AvailabilityZone & { hosts: MappedHost[] })[]> {
  const members = Map.groupBy(await listHosts(api), ({ zone }) => zone);
  const zones = [...members].map(([name, all]) => {
    const hosts = all.filter(({ enabled }) => enabled);
    return { name, available: hosts.length > 0, hosts };
  });
  return availableFirst(zones.sort((a, b) => (a.name < b.name ? -1 : 1)));
}

function availableFirst<Zone extends AvailabilityZone>(zones: readonly Zone[]): Zone[] {
  return [...zones.filter(({ available }) => available), ...zones.filter(({ available }) => !available)];
}
