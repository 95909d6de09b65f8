/** The end of a boot, in logs and metrics. */
import type { EndedBuild } from '../../../compute/boot/build-on-host.ts';
import { log, measure } from '../../shared/observation/invocation.ts';

const ends = {
  BootsActive: { message: 'active', time: 'TimeToActive' },
  BootsBuried: { message: 'buried in cell0', time: 'TimeToError' },
  BootsFailedInCell: { message: 'in ERROR in its cell', time: 'TimeToError' },
} as const;

/** Logs and counts boots that ended, and how long they took. Those that a step finds ended were reported before. */
export function buildEnded(end: keyof typeof ends, builds: readonly EndedBuild[], cause?: string): void {
  const { message, time } = ends[end];
  let count = 0;
  for (const { uuid, reservation_id, request_id, seconds } of builds) {
    if (seconds === null) continue;
    count += 1;
    measure(time, seconds);
    log().info(message, { server: uuid, reservation: reservation_id, ...(request_id && { request_id }), seconds, cause });
  }
  if (count > 0) measure(end, count, cause);
}
