/** Builds that failed on the host lately: an empty host that fails would otherwise draw every server. */
import type { Weigher } from './index.ts';

export const buildFailureWeigher: Weigher = { name: 'build_failure', weight: ({ failedBuilds }) => -failedBuilds };
