/** When a soft-deleted server is deleted for good. */
import type { Settings } from '../settings.ts';

/** Where no server is reclaimed any more, those that were soft-deleted before are looked at as often: an operator may set an interval again. In milliseconds. */
const day = 86_400_000;

/**
 * Returns when the reaper shall look at a server.
 * @param deletedAt in milliseconds of the epoch, as all times here.
 */
export function reclaimTime({ reclaim_instance_interval: interval }: Settings, deletedAt: number): string {
  return new Date(interval > 0 ? deletedAt + interval * 1_000 : Date.now() + day).toISOString();
}
