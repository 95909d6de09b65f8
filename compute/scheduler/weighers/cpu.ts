/** Free processors, so that servers spread. */
import type { Weigher } from './index.ts';

export const cpuWeigher: Weigher = { name: 'cpu', least: 0, weight: ({ free }) => free.VCPU };
