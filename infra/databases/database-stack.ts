/**
 * One database: the api database, cell0 or a live cell. They differ in name, tags, schema and what is done once that stands.
 *
 * Statements come through the Data API alone. The cluster sleeps when nobody asks. Its schema is moved forward in the deployment that brings the
 * migrations, before anything that depends on the stack; a migration that fails fails the deployment.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack, Tags, Validations } from 'aws-cdk-lib';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  DatabaseSecret,
  type DatabaseSecretProps,
} from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import type { DatabaseRole } from '../../lambdas/workflows/workflow.ts';
import type { Capacity, Stage } from '../settings.ts';
import { allowSecret, type DatabaseAddress, type DatabaseUser, tag } from './database-access.ts';
import { DeployStep } from './deploy-step.ts';
import type { DatabaseNetwork } from './network-stack.ts';

/** What all databases of a deployment share. */
export interface DatabaseStackProps {
  stage: Stage;
  network: DatabaseNetwork;
  capacity: Capacity;
  /** Whether it has a second instance in another zone. The Data API does not read from it: it is there to take over. */
  reader: boolean;
  postgresVersion: string;
}

/** What distinguishes one database from another. */
interface Identity {
  role: DatabaseRole;
  /** The cell's name, or `api`. */
  name: string;
}

/** The name of the database inside every cluster. */
const databaseName = 'cellzero';

/** A database that wakes up keeps a client waiting for some 15 s, so it does not sleep in the pauses of one session. */
const idleBeforePause = Duration.minutes(10);

/** A database with its schema. */
export abstract class DatabaseStack extends Stack {
  /** Where the database is. */
  readonly database: DatabaseAddress;
  /** Brings the schema. */
  protected readonly migration: DeployStep;

  constructor(
    scope: Construct,
    id: string,
    { stage, network, capacity, reader, postgresVersion }: DatabaseStackProps,
    { role, name }: Identity,
  ) {
    super(scope, id, { description: `Cellzero: database of ${name}` });
    const kept = stage === 'production';
    Tags.of(this).add(tag.stage, stage);
    Tags.of(this).add(tag.role, role);
    if (role !== 'api') Tags.of(this).add(tag.cell, name);

    // A database outlives its stack, with the secrets that open it; and so a first deployment that fails is not held up by their protection.
    const removalPolicy = kept ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const addSecret = (id: string, user: DatabaseUser, props: DatabaseSecretProps): DatabaseSecret => {
      const secret = new DatabaseSecret(this, id, props);
      secret.applyRemovalPolicy(removalPolicy);
      Tags.of(secret).add(tag.user, user);
      Validations.of(secret).acknowledge({
        id: 'AwsSolutions-SMG4',
        reason: 'It opens nothing without rights on the cluster and on the secret itself: docs/decisions/0010-secrets-do-not-rotate.md.',
      });
      return secret;
    };
    const masterSecret = addSecret('Secret', 'master', { username: 'cellzero' });
    // A user of its own for each database: an emulator may have them all in one server. The secret names the master's, which migrations then use.
    const secret = addSecret('ServiceSecret', 'service', { username: `cellzero_${name}`, masterSecret });
    const cluster = new DatabaseCluster(this, 'Cluster', {
      engine: DatabaseClusterEngine.auroraPostgres({
        version: AuroraPostgresEngineVersion.of(postgresVersion, postgresVersion.slice(0, postgresVersion.indexOf('.'))),
      }),
      writer: ClusterInstance.serverlessV2('Writer', { publiclyAccessible: false }),
      readers: reader ? [ClusterInstance.serverlessV2('Reader', { publiclyAccessible: false, scaleWithWriter: true })] : [],
      serverlessV2MinCapacity: capacity.min,
      serverlessV2MaxCapacity: capacity.max,
      ...(capacity.min === 0 && { serverlessV2AutoPauseDuration: idleBeforePause }),
      enableDataApi: true,
      storageEncrypted: true,
      defaultDatabaseName: databaseName,
      credentials: Credentials.fromSecret(masterSecret),
      vpc: network.vpc,
      subnetGroup: network.subnetGroup,
      securityGroups: [network.securityGroup],
      backup: { retention: Duration.days(kept ? 14 : 1) },
      deletionProtection: kept,
      removalPolicy,
    });
    secret.attach(cluster);
    // Stacks of the release before functions had users of their own import it, until they are deployed in their turn.
    if (role === 'api') this.exportValue(masterSecret.secretArn);
    Validations.of(cluster).acknowledge({
      id: 'AwsSolutions-RDS6',
      reason: 'IAM authentication is for clients that connect; nobody can, and the Data API asks IAM for every statement.',
    });
    if (!kept) Validations.of(cluster).acknowledge({ id: 'AwsSolutions-RDS10', reason: 'It is to be thrown away.' });

    this.database = {
      clusterArn: cluster.clusterArn,
      secretArn: secret.secretArn,
      url: `rds-data://${cluster.clusterArn}/${databaseName}?secret=${secret.secretArn}`,
    };
    new CfnOutput(this, 'DatabaseUrl', { value: this.database.url, description: 'The database_connection of a cell mapping' });

    this.migration = new DeployStep(this, 'Migration', {
      entry: 'deploy/migrate-database.ts',
      environment: { DATABASE: this.database.url, SCHEMA: role === 'api' ? 'api' : 'cell' },
      databases: [this.database],
      after: cluster,
    });
    allowSecret(this.migration.handler, masterSecret.secretArn);
  }
}
