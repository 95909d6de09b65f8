/** Hosts that exist in the databases only. They start every server, unless their simulation is slow or fails: by host, by image, or by chance. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BuildAborted, BuildFailure, type Driver } from './driver.ts';

/** How simulated hosts behave. */
export interface Simulation {
  /** Milliseconds that starting a server takes. */
  delay: number;
  /** Names of hosts that fail every build. */
  failingHosts: readonly string[];
  /** The chance, from 0 to 1, that a build fails; which builds do follows from the seed. */
  failureChance: number;
  seed: number;
}

/** Hosts that do as they are asked. */
export const noFailures: Simulation = { delay: 0, failingHosts: [], failureChance: 0, seed: 1 };

/** An image with this property set to `fail` builds on no host; with `abort` the first host aborts the build for all. */
export const buildProperty = 'cellzero_simulated_build';

/** As many lines as a guest's boot takes a reader to scroll. */
const consoleLines = 40;

/** Makes the driver of simulated hosts. */
export function simulatedDriver({ delay, failingHosts, failureChance, seed }: Simulation): Driver {
  return {
    async begin() {
      return { result: 'success' };
    },
    async consoleOutput(host, server) {
      return Array.from({ length: consoleLines }, (_, line) => `[${line}] ${server} is simulated on ${host}`).join('\n');
    },
    async spawn({ image, host, server }) {
      if (delay > 0) await sleep(delay);
      const wish = image?.properties[buildProperty];
      if (wish === 'abort') throw new BuildAborted('The image cannot be used.');
      if (wish === 'fail' || failingHosts.includes(host)) throw new BuildFailure(`The simulated host ${host} was set to fail.`);
      if (chance(`${seed} ${host} ${server}`) < failureChance) throw new BuildFailure(`The simulated host ${host} failed by chance.`);
    },
    async destroy() {},
  };
}

/** A number from 0 to 1 that follows from the text (FNV-1a). */
function chance(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
