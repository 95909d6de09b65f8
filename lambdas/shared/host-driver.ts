import * as z from 'zod';
import type { Driver } from '../../compute/hosts/drivers/driver.ts';
import { noFailures, simulatedDriver } from '../../compute/hosts/drivers/simulated.ts';

const simulation = z.object({
  delay: z.number().min(0).default(noFailures.delay),
  failingHosts: z.array(z.string()).default([]),
  failureChance: z.number().min(0).max(1).default(noFailures.failureChance),
  seed: z.int().default(noFailures.seed),
});

/** The driver of this deployment's hosts. SIMULATION, where it is set, is JSON that says how simulated hosts behave. */
export function hostDriver(): Driver {
  return simulatedDriver(simulation.parse(JSON.parse(process.env.SIMULATION ?? '{}')));
}
