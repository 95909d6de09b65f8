import * as z from 'zod';
import type { Driver } from '../../compute/hosts/drivers/driver.ts';
import { failableOperations, noFailures, simulatedDriver } from '../../compute/hosts/drivers/simulated.ts';
import { setting } from './environment.ts';
import { longestDelay, sendMessage } from './queue.ts';
import { openSecrets } from './secrets.ts';

const simulation = z.object({
  delay: z.number().min(0).default(noFailures.delay),
  failingHosts: z.array(z.string()).default([]),
  failingOperations: z.array(z.enum(failableOperations)).default([]),
  failureChance: z.number().min(0).max(1).default(noFailures.failureChance),
  seed: z.int().default(noFailures.seed),
  reportAfter: z.int().min(0).max(longestDelay).nullable().default(noFailures.reportAfter),
  timeAllowed: z.number().min(0).default(noFailures.timeAllowed),
  doubledReports: z.boolean().default(noFailures.doubledReports),
  silentHosts: z.array(z.string()).default([]),
  lostChance: z.number().min(0).max(1).default(noFailures.lostChance),
  opensSecrets: z.boolean().default(noFailures.opensSecrets),
});

/** The driver of this deployment's hosts. SIMULATION, where it is set, is JSON that says how simulated hosts behave. */
export function hostDriver(): Driver {
  const settings = simulation.parse(JSON.parse(process.env.SIMULATION ?? '{}'));
  return simulatedDriver(settings, (report, delay) => sendMessage(setting('REPORTS_QUEUE'), report, delay), openSecrets);
}
