/** Free disk, so that servers spread. */
import type { Weigher } from './index.ts';

export const diskWeigher: Weigher = { name: 'disk', least: 0, weight: ({ free }) => free.DISK_GB };
