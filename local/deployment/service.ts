/**
 * Everything of a deployment in one process: the same functions, the same workflow file and the same SQL as in the cloud, with AWS's services played on
 * loopback. Functions find them by the SDK's own endpoint variables and do not know where they run.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { migrateDatabase } from '../../compute/deploy/migrate-database.ts';
import { registerCell } from '../../compute/deploy/register-cell.ts';
import { seedFlavors } from '../../compute/deploy/seed-flavors.ts';
import { reap } from '../../compute/reaper/reap.ts';
import { findUnfinishedWork } from '../../compute/reaper/unfinished-work.ts';
import type { Settings } from '../../compute/settings.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import type { Database } from '../../database/data-api/client.ts';
import { parseDatabaseUrl } from '../../database/data-api/url.ts';
import { seedUser } from '../../identity/seed.ts';
import { seedImages } from '../../image/seed.ts';
import { handler as compute } from '../../lambdas/api/compute.ts';
import { handler as identity } from '../../lambdas/api/identity.ts';
import { handler as image } from '../../lambdas/api/image.ts';
import { masterAccess } from '../../lambdas/deploy/master-access.ts';
import { handler as applyReports } from '../../lambdas/reports/apply-reports.ts';
import type { Setting } from '../../lambdas/shared/environment.ts';
import { hostDriver } from '../../lambdas/shared/host-driver.ts';
import { settings } from '../../lambdas/shared/settings.ts';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { startBoot } from '../../lambdas/workflows/boot/start.ts';
import { workflows } from '../../lambdas/workflows/index.ts';
import { scheduleReaperAgain, silence } from '../../lambdas/workflows/reaper/schedule.ts';
import type { Workflow } from '../../lambdas/workflows/workflow.ts';
import { databaseUrl, queueUrl } from '../aws/arns.ts';
import { localClusters } from '../aws/data-api/clusters.ts';
import { createDataApi, type DataApi } from '../aws/data-api/data-api.ts';
import { createFunctions, type Functions } from '../aws/functions.ts';
import { startGateway } from '../aws/gateway/gateway.ts';
import { createKms } from '../aws/kms.ts';
import { secretsManager } from '../aws/secrets-manager.ts';
import { startAws } from '../aws/server.ts';
import { mapQueue } from '../aws/sqs/event-source-mapping.ts';
import { createQueue, type Queue } from '../aws/sqs/queue.ts';
import { sqsService } from '../aws/sqs/service.ts';
import { stepFunctionsService } from '../aws/step-functions/service.ts';
import { createStepFunctions, type StepFunctions, type StepFunctionsOptions } from '../aws/step-functions/step-functions.ts';
import { type Postgres, startPostgres } from '../postgres/postgres.ts';
import { writeCloudsFile } from './clouds-file.ts';
import { publishEndpoint } from './endpoint.ts';
import { keptPasswords, type Passwords } from './passwords.ts';
import { definitionFile, loadFunctions } from './workflows.ts';

/** What to run. */
export interface ServiceOptions {
  /** Where the data is kept; undefined keeps none. */
  dataDir: string | undefined;
  /** How many live cells, and simulated hosts in each. */
  cells: number;
  hosts: number;
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Where clients reach it; undefined lets their requests say. */
  publicUrl?: string | undefined;
  /** Nova's options; undefined leaves them as SETTINGS has them. */
  settings?: Settings | undefined;
  /** Where the databases are, for tests; undefined starts a server for them. It is stopped with the rest. */
  postgres?: Postgres | undefined;
  /** Milliseconds before every retry of the workflow, for tests; undefined waits as the workflow says. */
  retryAfter?: number;
  /** Milliseconds until a scheduled reap runs, for tests; undefined waits as the workflow says. */
  reapAfter?: number;
}

/** A running deployment. */
export interface Service {
  /** Where clients reach it. */
  url: string;
  cloudsFile: string;
  passwords: Passwords;
  api: Database;
  /** URLs of the databases by name: `api`, `cell0`, `cell1`, … */
  databases: ReadonlyMap<string, string>;
  dataApi: DataApi;
  workflow: StepFunctions;
  /** Reports of hosts that come later. */
  reports: Queue;
  functions: Functions;
  /** Resolves when its PostgreSQL has ended: nothing works from then on, and all that is left to do is to stop. */
  postgresEnded: Promise<void>;
  /** Stops everything, newest first; may be called twice. */
  stop(): Promise<void>;
}

/** What functions log here: for people, and only what went wrong. */
const quiet = { POWERTOOLS_DEV: 'true', POWERTOOLS_LOG_LEVEL: 'WARN' };

/**
 * Starts a deployment.
 * @throws PortInUse or DataDirectoryInUse; what had started is stopped again.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  };
  try {
    return await start(options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(options: ServiceOptions, stops: (() => Promise<unknown>)[], stop: () => Promise<void>): Promise<Service> {
  const dataDir = await openDataDir(options.dataDir, stops);
  const ownData = options.dataDir === undefined ? undefined : join(dataDir, 'postgres');
  const postgres = options.postgres ?? (await startPostgres({ dataDir: ownData }));
  stops.push(() => postgres.stop());

  const clusters = new Map<string, string>();
  const dataApi = createDataApi({ postgres, clusters: localClusters(clusters) });
  stops.push(() => dataApi.close());
  const kms = await createKms({ folder: options.dataDir === undefined ? undefined : dataDir });
  const { retryAfter, reapAfter } = options;
  const functions = createFunctions();
  const machine = async (manifest: Workflow, waits: Pick<StepFunctionsOptions, 'retryAfter' | 'waitFor'> = {}) =>
    await createStepFunctions({ definitionFile: definitionFile(manifest), functions: await loadFunctions(functions, manifest), ...waits });
  const workflow = await machine(workflows.boot, { retryAfter });
  const reaper = await machine(workflows.reaper, { waitFor: reapAfter });
  const auditor = await machine(workflows.audit);
  const reports = createQueue({ name: 'reports', visibilityTimeout: retryAfter === undefined ? 30 : 0.2, maxReceiveCount: 20 });
  const machines = stepFunctionsService([workflow, reaper, auditor]);
  const aws = await startAws({
    services: [dataApi.service, secretsManager(clusters), kms.service, machines, sqsService([reports])],
  });
  stops.push(() => aws.close());
  stops.push(mapQueue(reports, functions.of(applyReports, timeouts.reports)));
  for (const { stop } of [workflow, reaper, auditor]) stops.push(stop);
  const variables: Partial<Record<Setting | 'SETTINGS', string>> = {
    API_DATABASE: databaseUrl('api'),
    BOOT_STATE_MACHINE: workflow.stateMachineArn,
    REAPER_STATE_MACHINE: reaper.stateMachineArn,
    AUDIT_STATE_MACHINE: auditor.stateMachineArn,
    REPORTS_QUEUE: queueUrl(aws.url, reports.name),
    TOKEN_KEY: kms.token.keyArn,
    TOKEN_PUBLIC_KEY: kms.token.publicKey,
    SECRETS_KEY: kms.secrets.keyArn,
    SECRETS_PUBLIC_KEY: kms.secrets.publicKey,
    PUBLIC_URL: options.publicUrl ?? '',
    ...(options.settings && { SETTINGS: JSON.stringify(options.settings) }),
  };
  Object.assign(process.env, { ...quiet, ...process.env }, aws.environment, variables);

  const api = parseDatabaseUrl(databaseUrl('api'));
  const passwords = await deploy(api, postgres, clusters, dataDir, options);

  // Executions of an earlier process ended with it: whatever it left is taken on at once.
  await reap({ api, driver: hostDriver(), settings: settings(), startBoot, silence: 0 });
  // So did the scheduled reaps.
  const { dueIn } = await findUnfinishedWork(api, silence);
  if (dueIn !== null) await scheduleReaperAgain(dueIn);

  const gateway = await startGateway({
    host: options.host,
    port: options.port,
    functions: {
      compute: functions.of(compute, timeouts.api),
      identity: functions.of(identity, timeouts.api),
      image: functions.of(image, timeouts.api),
    },
  });
  stops.push(() => gateway.close());
  const cloudsFile = join(dataDir, 'clouds.yaml');
  await writeCloudsFile(cloudsFile, options.publicUrl ?? gateway.url, passwords);
  stops.push(
    await publishEndpoint(dataDir, { ...aws.environment, API_DATABASE: databaseUrl('api'), REAPER_STATE_MACHINE: reaper.stateMachineArn }),
  );
  const databases = new Map([...clusters.keys()].map((name) => [name, databaseUrl(name)]));
  return {
    url: gateway.url,
    cloudsFile,
    passwords,
    api,
    databases,
    dataApi,
    workflow,
    reports,
    functions,
    postgresEnded: postgres.ended,
    stop,
  };
}

async function openDataDir(dataDir: string | undefined, stops: (() => Promise<unknown>)[]): Promise<string> {
  if (dataDir !== undefined) {
    const path = resolve(dataDir);
    await mkdir(path, { recursive: true });
    return path;
  }
  const path = await mkdtemp(join(tmpdir(), 'cellzero-'));
  stops.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** What `cdk deploy` does in the cloud: databases, their schemas, the cells' registration, and what a new cloud starts with. */
async function deploy(
  api: Database,
  postgres: Postgres,
  clusters: Map<string, string>,
  dataDir: string,
  { cells, hosts }: ServiceOptions,
): Promise<Passwords> {
  const open = async (name: string) => {
    clusters.set(name, await postgres.createDatabase(`cellzero_${name}`));
  };
  const names = ['cell0', ...Array.from({ length: cells }, (_, index) => `cell${index + 1}`)];
  const addCell = async (name: string) => {
    await open(name);
    await migrateDatabase(await masterAccess(parseDatabaseUrl(databaseUrl(name))), 'cell');
  };
  const openApi = async () => {
    await open('api');
    await migrateDatabase(await masterAccess(api), 'api');
  };
  await Promise.all([openApi(), ...names.map(addCell)]);
  const passwords = await keptPasswords(dataDir);
  await Promise.all([
    seedUser(api, { name: 'admin', role: 'admin', password: passwords.admin }),
    seedUser(api, { name: 'demo', role: 'member', password: passwords.demo }),
    seedFlavors(api),
    seedImages(api),
    ...names.map((name) => registerCell(api, { name, connection: databaseUrl(name), simulatedHosts: name === 'cell0' ? 0 : hosts })),
  ]);
  // Cells of an earlier start with more of them still hold servers.
  const earlier = (await listCellMappings(api)).filter(({ name }) => !clusters.has(name));
  await Promise.all(earlier.map(({ name }) => addCell(name)));
  return passwords;
}
