/**
 * The state of an execution holds 256 KiB (Step Functions' quota for the input and the output of a state). The servers of a request fit with names of the usual length; where they do not, what is
 * least needed is left out: alternates first, then servers, which keep their allocations and are taken on by the reaper's next execution.
 */

/** In bytes of UTF-8; something is left for names of fields and for a failure that a Catch adds. */
const stateBytes = 256 * 1_024 - 2_048;

/** Returns the placements, cut to what the state holds beside the input of the execution. */
export function fitState<Placement extends { alternates: readonly string[] }>(
  input: object,
  placements: readonly Placement[],
): Placement[] {
  const free = stateBytes - bytesOf(input);
  const most = Math.max(0, ...placements.map(({ alternates }) => alternates.length));
  for (let count = most; count >= 0; count -= 1) {
    const shorter = placements.map((placement) => ({ ...placement, alternates: placement.alternates.slice(0, count) }));
    if (bytesOf(shorter) <= free) return shorter;
  }
  let left = free;
  return placements
    .map((placement) => ({ ...placement, alternates: [] }))
    .filter((placement) => {
      left -= bytesOf(placement) + 1;
      return left >= 0;
    });
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value));
}
