/** The image that every deployment can boot from the start: small enough for the smallest flavor. */
import type { NewImage } from '../database/api/images.ts';

/** CirrOS as record; a public image owned by the given project. */
export function cirros(owner: string): NewImage {
  return {
    id: 'c1220500-0000-4000-8000-000000000001',
    name: 'cirros',
    owner,
    visibility: 'public',
    status: 'active',
    size: 21_692_416,
    minDisk: 0,
    minRam: 0,
    diskFormat: 'qcow2',
    containerFormat: 'bare',
    checksum: null,
    osHashAlgo: null,
    osHashValue: null,
    properties: {},
  };
}
