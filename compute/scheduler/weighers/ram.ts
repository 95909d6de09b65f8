/** Free memory, so that servers spread. */
import type { Weigher } from './index.ts';

export const ramWeigher: Weigher = { name: 'ram', least: 0, weight: ({ free }) => free.MEMORY_MB };
