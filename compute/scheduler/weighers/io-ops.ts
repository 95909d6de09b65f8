/** How many servers the host is starting: starting is heavy on its disks. */
import type { Weigher } from './index.ts';

export const ioOpsWeigher: Weigher = { name: 'io_ops', least: 0, weight: ({ starting }) => starting };
