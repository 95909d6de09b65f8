/**
 * Hosts that exist in the databases only. They do at once what they are asked, unless they are set to be slow, to fail, or to report later. What they are asked
 * is published in this process, so that a test sees what a hypervisor would.
 */
import { createHash } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SnapshotContent } from '../../../database/api/snapshots.ts';
import type { SealedSecrets, Secrets } from '../../servers/secrets.ts';
import { buildSteps, type Driver, type LateReport, type Operation, operationNames, type ProgressReport, type Report } from './driver.ts';

/** What simulated hosts can be set to fail. */
export const failableOperations = ['spawn', 'destroy', ...operationNames] as const;

/** How simulated hosts behave. */
export interface Simulation {
  /** Milliseconds until a host answers. */
  delay: number;
  /** Names of hosts that fail every build. */
  failingHosts: readonly string[];
  /** What every host fails. */
  failingOperations: readonly (typeof failableOperations)[number][];
  /** The chance, from 0 to 1, that an operation fails; which ones do follows from the seed. */
  failureChance: number;
  seed: number;
  /** Seconds after which hosts report the end of what they began; null when they answer with it. */
  reportAfter: number | null;
  /** Seconds that hosts have for what they began, or less where the operation says so; a longer `reportAfter` makes all reports late. */
  timeAllowed: number;
  /** Whether hosts report twice. */
  doubledReports: boolean;
  /** Names of hosts that begin and never report. */
  silentHosts: readonly string[];
  /** The chance, from 0 to 1, that a report is lost. */
  lostChance: number;
  /** Whether hosts open the password and the files for a guest, as one does that has guests. */
  opensSecrets: boolean;
}

/** Hosts that do as they are asked, at once. */
export const noFailures: Simulation = {
  delay: 0,
  failingHosts: [],
  failingOperations: [],
  failureChance: 0,
  seed: 1,
  reportAfter: null,
  timeAllowed: 600,
  doubledReports: false,
  silentHosts: [],
  lostChance: 0,
  opensSecrets: false,
};

/** An image with this property set to `fail` builds on no host; with `abort` the first host aborts the build for all. */
export const buildProperty = 'cellzero_simulated_build';

/** The property by which an image of a simulated host says that there are no bytes. */
export const contentProperty = 'cellzero_simulated_content';

/** Sends a report that arrives `delay` seconds later. */
export type SendReport = (report: LateReport | ProgressReport, delay: number) => Promise<void>;

const noLater: SendReport = () => Promise.reject(new Error('these hosts have no way to report later'));

/** Opens what was sealed for a guest. */
export type OpenSecrets = (secrets: SealedSecrets) => Promise<Secrets>;

/** What a simulated host was asked, with the secrets if it opens them. */
export interface AskedOperation {
  operation: Operation;
  secrets: Secrets | null;
}

/** Where simulated hosts publish what they are asked, as an `AskedOperation`. */
export const askedOperations = channel('cellzero.asked-operations');

const noSecrets: OpenSecrets = () => Promise.reject(new Error('these hosts open no secrets'));

/** As many lines as a guest's boot takes a reader to scroll. */
const consoleLines = 40;

/** Makes the driver of simulated hosts; those that report later do it with `sendReport`, those that open secrets with `openSecrets`. */
export function simulatedDriver(simulation: Simulation, sendReport = noLater, openSecrets = noSecrets): Driver {
  const { delay, reportAfter, timeAllowed, doubledReports, silentHosts, lostChance, seed } = simulation;
  return {
    async consoleOutput(host, server) {
      return Array.from({ length: consoleLines }, (_, line) => `[${line}] ${server} is simulated on ${host}`).join('\n');
    },
    async begin(operation) {
      if (delay > 0) await sleep(delay);
      const sealed = simulation.opensSecrets && 'secrets' in operation ? operation.secrets : null;
      const secrets = sealed && (await openSecrets(sealed));
      askedOperations.publish({ operation, secrets } satisfies AskedOperation);
      const report = outcomeOf(operation, simulation);
      if (reportAfter === null) return report;
      const { host, server } = operation;
      const late: LateReport = { about: aboutOf(operation), report };
      const lost = silentHosts.includes(host) || chance(`${seed} ${operation.operation} ${host} ${server}`) < lostChance;
      const reports = lost ? 0 : doubledReports ? 2 : 1;
      for (let sent = 0; sent < reports; sent++) {
        if (operation.operation === 'spawn') await sendProgress(late.about, reportAfter, sendReport);
        await sendReport(late, reportAfter);
      }
      const seconds = 'time' in operation ? Math.min(operation.time, timeAllowed) : timeAllowed;
      return { result: 'begun', due_at: new Date(Date.now() + seconds * 1_000).toISOString() };
    },
  };
}

/** Reports the steps of a build until its end, at most one in a second: the last of those that come in the same. */
async function sendProgress(about: LateReport['about'], reportAfter: number, sendReport: SendReport): Promise<void> {
  const steps = new Map(buildSteps.map((step, index) => [Math.floor((reportAfter * index) / buildSteps.length), step]));
  if (reportAfter === 0) return;
  for (const [second, step] of steps) await sendReport({ about, progress: { step } }, second);
}

function aboutOf(operation: Operation): LateReport['about'] {
  switch (operation.operation) {
    case 'spawn': {
      const { guest, secrets, ...about } = operation;
      return about;
    }
    case 'destroy':
      return operation;
    default: {
      const { arguments: all, guest, secrets, move, time, ...about } = operation;
      return { ...about, arguments: { type: all.type } };
    }
  }
}

function outcomeOf(operation: Operation, { failingHosts, failingOperations, failureChance, seed }: Simulation): Report {
  const { operation: name, host, server } = operation;
  const failure = (message: string) => ({ result: 'failure', message }) as const;
  const setToFail = failure(`The simulated host ${host} was set to fail.`);
  const wish = 'guest' in operation ? operation.guest?.image?.properties[buildProperty] : undefined;
  if (operation.operation === 'rebuild' && wish !== undefined) return setToFail;
  if (operation.operation === 'spawn') {
    if (wish === 'abort') return { ...failure('The image cannot be used.'), aborted: true };
    if (wish === 'fail' || failingHosts.includes(host)) return setToFail;
  }
  if (failingOperations.includes(name)) return setToFail;
  // A client that asks anew has another chance.
  const request = 'task' in operation ? operation.task.request_id : '';
  if (chance(`${seed} fails ${name} ${host} ${server} ${request}`) < failureChance)
    return failure(`The simulated host ${host} failed by chance.`);
  return name === 'snapshot' ? { result: 'success', image: snapshotOf(operation.arguments.image ?? '') } : { result: 'success' };
}

/** A simulated disk has nothing to read: its image has a size and a checksum, and says that it has no content. */
function snapshotOf(image: string): SnapshotContent {
  const checksum = createHash('md5').update(image).digest('hex');
  return { size: 1_048_576, checksum, disk_format: 'qcow2', properties: { [contentProperty]: 'none' } };
}

/** A number from 0 to 1 that follows from the text (FNV-1a). */
function chance(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
