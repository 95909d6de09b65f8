/**
 * Everything of a deployment in one process: the same functions, the same workflow file and the same SQL as in the cloud, with AWS's services played on
 * loopback. Functions find them by the SDK's own endpoint variables and do not know where they run.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { registerCell } from '../../compute/deploy/register-cell.ts';
import { seedCatalogue, seedUser } from '../../compute/deploy/seed.ts';
import { reap } from '../../compute/reaper/reap.ts';
import { listCellMappings } from '../../database/api/cells/cell-mappings.ts';
import { apiMigrations } from '../../database/api/migrations/index.ts';
import { cellMigrations } from '../../database/cell/migrations/index.ts';
import { type Database, parseDatabaseUrl } from '../../database/data-api/client.ts';
import { migrate } from '../../database/migrator/migrate.ts';
import { handler as compute } from '../../lambdas/api/compute.ts';
import { handler as identity } from '../../lambdas/api/identity.ts';
import { handler as image } from '../../lambdas/api/image.ts';
import type { Setting } from '../../lambdas/shared/environment.ts';
import { hostDriver } from '../../lambdas/shared/host-driver.ts';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { handler as audit } from '../../lambdas/workflows/audit/audit.ts';
import { handler as buildOnHost } from '../../lambdas/workflows/boot/build-on-host.ts';
import { handler as buryInCell0 } from '../../lambdas/workflows/boot/bury-in-cell0.ts';
import { handler as createInCell } from '../../lambdas/workflows/boot/create-in-cell.ts';
import { handler as failInCell } from '../../lambdas/workflows/boot/fail-in-cell.ts';
import { handler as reschedule } from '../../lambdas/workflows/boot/reschedule.ts';
import { handler as scheduleServers } from '../../lambdas/workflows/boot/schedule-servers.ts';
import { startBoot } from '../../lambdas/workflows/boot/start.ts';
import { handler as tryAnotherCell } from '../../lambdas/workflows/boot/try-another-cell.ts';
import { handler as reapLater } from '../../lambdas/workflows/reaper/reap.ts';
import { databaseUrl } from '../aws/arns.ts';
import { localClusters } from '../aws/data-api/clusters.ts';
import { createDataApi, type DataApi } from '../aws/data-api/data-api.ts';
import { createFunctions, type Functions } from '../aws/functions.ts';
import { startGateway } from '../aws/gateway/gateway.ts';
import { createKms } from '../aws/kms.ts';
import { startAws } from '../aws/server.ts';
import { stepFunctionsService } from '../aws/step-functions/service.ts';
import { createStepFunctions, type StepFunctions } from '../aws/step-functions/step-functions.ts';
import { type Postgres, startPostgres } from '../postgres/postgres.ts';
import { writeCloudsFile } from './clouds-file.ts';
import { publishEndpoint } from './endpoint.ts';
import { keptPasswords, type Passwords } from './passwords.ts';

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
  /** Where the databases are, for tests; undefined starts a server for them. It is stopped with the rest. */
  postgres?: Postgres | undefined;
  /** Milliseconds before every retry of the workflow, for tests; undefined waits as the workflow says. */
  retryAfter?: number;
  /** Milliseconds until the reaper looks after what was begun, for tests; undefined waits as the watch says. */
  watchAfter?: number;
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
  functions: Functions;
  /** Stops everything, newest first; may be called twice. */
  stop(): Promise<void>;
}

/** What functions tell here: to people, and only what went wrong. */
const quiet = { POWERTOOLS_DEV: 'true', POWERTOOLS_LOG_LEVEL: 'WARN' };

const steps = {
  ScheduleServers: scheduleServers,
  CreateInCell: createInCell,
  BuildOnHost: buildOnHost,
  FailInCell: failInCell,
  TryAnotherCell: tryAnotherCell,
  Reschedule: reschedule,
  BuryServerInCell0: buryInCell0,
  BuryInCell0: buryInCell0,
};

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
  const kms = await createKms({ keyFile: options.dataDir === undefined ? undefined : join(dataDir, 'token-key.pem') });
  const { retryAfter, watchAfter } = options;
  const functions = createFunctions();
  const tasks = Object.fromEntries(
    Object.entries(steps).map(([state, handler]) => [state, functions.of<unknown, unknown>(handler, timeouts.step)]),
  );
  const workflow = await createStepFunctions({ definitionFile: definition('workflows/boot/boot'), tasks, retryAfter });
  const watch = await createStepFunctions({
    definitionFile: definition('workflows/reaper/watch'),
    tasks: { Reap: functions.of(reapLater, timeouts.reap) },
    waitFor: watchAfter,
  });
  const auditor = await createStepFunctions({
    definitionFile: definition('workflows/audit/audit'),
    tasks: { Audit: functions.of(audit, timeouts.audit) },
  });
  const aws = await startAws({ services: [dataApi.service, kms.service, stepFunctionsService([workflow, watch, auditor])] });
  stops.push(() => aws.close());
  stops.push(() => workflow.stop());
  stops.push(() => watch.stop());
  stops.push(() => auditor.stop());
  const settings: Partial<Record<Setting, string>> = {
    API_DATABASE: databaseUrl('api'),
    BOOT_STATE_MACHINE: workflow.stateMachineArn,
    WATCH_STATE_MACHINE: watch.stateMachineArn,
    AUDIT_STATE_MACHINE: auditor.stateMachineArn,
    TOKEN_KEY: kms.keyArn,
    PUBLIC_URL: '',
  };
  Object.assign(process.env, { ...quiet, ...process.env }, aws.environment, settings);

  const api = parseDatabaseUrl(databaseUrl('api'));
  const passwords = await deploy(api, postgres, clusters, dataDir, options);

  // Executions of an earlier process ended with it: whatever it left is taken on at once.
  await reap({ api, driver: hostDriver(), startBoot, silence: 0 });

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
  await writeCloudsFile(cloudsFile, gateway.url, passwords);
  stops.push(await publishEndpoint(dataDir, { ...aws.environment, API_DATABASE: databaseUrl('api') }));
  const databases = new Map([...clusters.keys()].map((name) => [name, databaseUrl(name)]));
  return { url: gateway.url, cloudsFile, passwords, api, databases, dataApi, workflow, functions, stop };
}

const definition = (name: string) => fileURLToPath(new URL(`../../lambdas/${name}.asl.json`, import.meta.url));

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
    await migrate(parseDatabaseUrl(databaseUrl(name)), cellMigrations);
  };
  const openApi = async () => {
    await open('api');
    await migrate(api, apiMigrations);
  };
  await Promise.all([openApi(), ...names.map(addCell)]);
  const passwords = await keptPasswords(dataDir);
  await Promise.all([
    seedUser(api, { name: 'admin', role: 'admin', password: passwords.admin }),
    seedUser(api, { name: 'demo', role: 'member', password: passwords.demo }),
    seedCatalogue(api),
    ...names.map((name) => registerCell(api, { name, connection: databaseUrl(name), simulatedHosts: name === 'cell0' ? 0 : hosts })),
  ]);
  // Cells of an earlier start with more of them still hold servers.
  const earlier = (await listCellMappings(api)).filter(({ name }) => !clusters.has(name));
  await Promise.all(earlier.map(({ name }) => addCell(name)));
  return passwords;
}
