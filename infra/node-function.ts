/**
 * How every function is built, run and logged: a minified ESM file with all it needs, so that it starts fast and runs on any Node 24. What it imports only when
 * it needs it is a file of its own, which no cold start loads.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type App, AssetHashType, DockerImage, type Duration, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, LoggingFormat, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { type BuildOptions, type BuildResult, buildSync } from 'esbuild';
import { prefixOf, readSettings } from './settings.ts';

/** How long logs are kept. */
export const logRetention = RetentionDays.ONE_MONTH;

/** A function waits for databases most of its time; what memory (in MB) buys is CPU, and less of it would slow a cold start. */
export const memorySize = 512;

/** The folder of all entry points. */
export const entryPoints = fileURLToPath(new URL('../lambdas/', import.meta.url));

/**
 * A quarter of a bundle, that the AWS SDK loads only when it needs it: ways to credentials where the environment has none, which a function's always has,
 * and streams of events, which no service we call sends.
 */
const neverLoaded = [
  ...['http', 'ini', 'process', 'sso', 'web-identity'].map((source) => `@aws-sdk/credential-provider-${source}`),
  '@smithy/credential-provider-imds',
  '@smithy/core/event-streams',
];

/**
 * How esbuild makes the bundle of an entry point.
 * Without `mainFields` it takes the CommonJS form of some packages, which cannot require node's modules from ESM.
 * @param entry path of the entry point below lambdas/
 */
function bundleOptions(entry: string): BuildOptions {
  return {
    entryPoints: { index: `${entryPoints}${entry}` },
    bundle: true,
    splitting: true,
    outExtension: { '.js': '.mjs' },
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: neverLoaded,
    logLevel: 'warning',
  };
}

/**
 * Writes the bundle of an entry point: `index.mjs`, and what that imports. What only readers of a statement need, its comments and how far its lines stand in, is left out: it is a fiftieth of a
 * bundle, which every cold start would load.
 * @param entry path of the entry point below lambdas/
 * @returns what esbuild warns of.
 */
export function writeBundle(entry: string, outdir: string): BuildResult['warnings'] {
  const { outputFiles, warnings } = buildSync({ ...bundleOptions(entry), outdir, write: false });
  if (outputFiles.length === 0) throw new Error(`esbuild made nothing of ${entry}`);
  // Migrations that have run are known by the checksum of their text, to the letter.
  const strip = (text: string) => (entry.startsWith('deploy/') ? text : text.replace(/\n *-- [^\n`]*(?=\n)/g, '').replace(/\n +/g, '\n'));
  for (const { path, text } of outputFiles) writeFileSync(path, strip(text));
  return warnings;
}

/** What distinguishes one function from another. */
export interface NodeFunctionProps {
  /** Path of the entry point below lambdas/. */
  entry: string;
  timeout: Duration;
  environment: Record<string, string>;
  /** How many of it may run at once, set aside from what the account has; 0 sets nothing aside and no limit. */
  reservedConcurrency?: number;
}

/** A function from an entry point. It may write its own log and traces, and nothing else unless it is granted. */
export class NodeFunction extends LambdaFunction {
  declare readonly role: Role;

  constructor(scope: Construct, id: string, { entry, timeout, environment, reservedConcurrency = 0 }: NodeFunctionProps) {
    const logGroup = new LogGroup(scope, `${id}Logs`, { retention: logRetention });
    const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(role);
    super(scope, id, {
      code: bundle(entry),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize,
      timeout,
      environment: { POWERTOOLS_METRICS_NAMESPACE: prefixOf(readSettings(scope.node.root as App).stage), ...environment },
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: Tracing.ACTIVE,
      ...(reservedConcurrency > 0 && { reservedConcurrentExecutions: reservedConcurrency }),
    });
    Validations.of(role).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason: 'Traces have no resource to name.' });
  }
}

/**
 * Bundles in this process. CDK's own NodejsFunction starts npx for each function, which takes longer than all bundles together.
 */
function bundle(entry: string): Code {
  return Code.fromAsset(entryPoints, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK bundles once for all functions with the same source and command; the image is never used.
      command: [entry],
      image: DockerImage.fromRegistry('none'),
      local: {
        tryBundle(folder) {
          writeBundle(entry, folder);
          return true;
        },
      },
    },
  });
}
