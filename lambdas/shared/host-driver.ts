import * as z from 'zod';
import type { Driver } from '../../compute/hosts/drivers/driver.ts';
import { flawless, simulatedDriver } from '../../compute/hosts/drivers/simulated.ts';

const simulation = z.object({
  delay: z.number().min(0).default(flawless.delay),
  failingHosts: z.array(z.string()).default([]),
  failureChance: z.number().min(0).max(1).default(flawless.failureChance),
  seed: z.int().default(flawless.seed),
});

/** The driver of this deployment's hosts. SIMULATION, where it is set, is JSON that tells simulated hosts how to behave. */
export function hostDriver(): Driver {
  return simulatedDriver(simulation.parse(JSON.parse(process.env.SIMULATION ?? '{}')));
}
