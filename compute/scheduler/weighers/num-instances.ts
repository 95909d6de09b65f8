/** How many servers are on the host; off by default. */
import type { Weigher } from './index.ts';

export const numInstancesWeigher: Weigher = { name: 'num_instances', weight: ({ servers }) => servers };
