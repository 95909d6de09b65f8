/** A semaphore: it bounds how much work runs at once; work that comes later waits for its turn, in the order of coming. */
export interface Semaphore {
  /** Runs work as soon as there is a permit for it, and returns its outcome. Work that takes longer than a permit lasts goes on without one. */
  acquire<T>(work: () => Promise<T>): Promise<T>;
}

/** Makes a semaphore of `count` permits, each of which lasts for `longest` milliseconds at most. */
export function createSemaphore(count: number, longest: number): Semaphore {
  let free = count;
  const waiting: (() => void)[] = [];
  const passOn = () => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  return {
    async acquire(work) {
      if (free > 0) free -= 1;
      else await new Promise<void>((turn) => waiting.push(turn));
      let held = true;
      const release = () => {
        if (held) passOn();
        held = false;
      };
      const timer = setTimeout(release, longest);
      try {
        return await work();
      } finally {
        clearTimeout(timer);
        release();
      }
    },
  };
}
