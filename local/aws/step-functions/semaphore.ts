/** So many things may be done at once; whoever comes later waits for his turn, in the order of coming. */
export interface Slots {
  /** Does something as soon as a slot is free, and gives its outcome. What takes longer than a slot is lent for goes on without one. */
  lend<T>(work: () => Promise<T>): Promise<T>;
}

/** Makes so many free slots, each lent for so many milliseconds at most. */
export function createSlots(count: number, longest: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  const giveBack = () => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  return {
    async lend(work) {
      if (free > 0) free -= 1;
      else await new Promise<void>((turn) => waiting.push(turn));
      let held = true;
      const release = () => {
        if (held) giveBack();
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
