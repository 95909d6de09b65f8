/** Where the services are: always this very API, so nothing is stored. Ids are fixed, because clients may remember them. */
import { createHash } from 'node:crypto';

/** The only region there is. */
export const region = 'RegionOne';

const interfaces = ['public', 'internal', 'admin'] as const;

const services = [
  { type: 'compute', name: 'nova', path: '/v2.1' },
  { type: 'identity', name: 'keystone', path: '/identity' },
  { type: 'image', name: 'glance', path: '/image' },
] as const;

/** Returns the service catalog as Keystone shows it. */
export function catalog(baseUrl: string): object[] {
  return services.map(({ type, name, path }) => ({
    id: fixedId(type),
    type,
    name,
    endpoints: interfaces.map((of) => ({
      id: fixedId(`${type} ${of}`),
      interface: of,
      region,
      region_id: region,
      url: `${baseUrl}${path}`,
    })),
  }));
}

function fixedId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
