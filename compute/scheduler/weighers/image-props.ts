/** How many image properties the servers on the host share with the request's image; off by default. */
import type { Weigher } from './index.ts';

export const imagePropsWeigher: Weigher = { name: 'image_props', weight: ({ alikeProperties }) => alikeProperties };
