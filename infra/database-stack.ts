/**
 * One database: the api database, cell0 or a live cell. They differ in name, tags and schema only, so cell0 is a cell like any other.
 *
 * The cluster stands in a network of its own without a way in or out: statements come through the Data API alone. It sleeps when nobody asks.
 * Its schema is moved forward in the deployment that brings the migrations, before anything that depends on the stack; a migration that fails fails
 * the deployment.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { type IVpc, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import {
  AuroraPostgresEngineVersion,
  ClusterInstance,
  Credentials,
  DatabaseCluster,
  DatabaseClusterEngine,
  DatabaseSecret,
} from 'aws-cdk-lib/aws-rds';
import { Trigger } from 'aws-cdk-lib/triggers';
import type { Construct } from 'constructs';
import { allowDatabase, type DatabaseAddress, type DatabaseRole, tag } from './database-access.ts';
import { NodeFunction } from './node-function.ts';
import type { Stage } from './settings.ts';

/** What distinguishes one database from another. */
export interface DatabaseStackProps {
  stage: Stage;
  role: DatabaseRole;
  /** The cell's name, or `api`. */
  name: string;
}

/** The name of the database inside every cluster. */
const databaseName = 'cellzero';

/** A database that wakes up keeps a client waiting for some 15 s, so it does not sleep in the pauses of one session. */
const idleBeforePause = Duration.minutes(10);

/** A new or sleeping cluster answers late, and a migration may rewrite a table. */
const migrationTime = Duration.minutes(10);

/** A database with its schema. */
export class DatabaseStack extends Stack {
  /** Where the database is. */
  readonly database: DatabaseAddress;

  constructor(scope: Construct, id: string, { stage, role, name }: DatabaseStackProps) {
    super(scope, id, { description: `Cellzero: database of ${name}` });
    const kept = stage === 'production';
    Tags.of(this).add(tag.stage, stage);
    Tags.of(this).add(tag.role, role);
    if (role !== 'api') Tags.of(this).add(tag.cell, name);

    // CDK's Vpc is an IVpc, but not under exactOptionalPropertyTypes.
    const vpc = new Vpc(this, 'Network', {
      maxAzs: 2,
      natGateways: 0,
      // Nothing is in the default group, and a function to empty it would need rights over networks.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'database', subnetType: SubnetType.PRIVATE_ISOLATED }],
    }) as IVpc;
    const securityGroup = new SecurityGroup(this, 'SecurityGroup', {
      vpc,
      description: 'Nothing in, nothing out: the Data API does not come through the network',
      allowAllOutbound: false,
    });
    const secret = new DatabaseSecret(this, 'Secret', { username: 'cellzero' });
    const cluster = new DatabaseCluster(this, 'Cluster', {
      engine: DatabaseClusterEngine.auroraPostgres({ version: AuroraPostgresEngineVersion.VER_17_7 }),
      writer: ClusterInstance.serverlessV2('Writer'),
      serverlessV2MinCapacity: 0,
      serverlessV2MaxCapacity: 8,
      serverlessV2AutoPauseDuration: idleBeforePause,
      enableDataApi: true,
      storageEncrypted: true,
      defaultDatabaseName: databaseName,
      credentials: Credentials.fromSecret(secret),
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_ISOLATED },
      securityGroups: [securityGroup],
      backup: { retention: Duration.days(kept ? 14 : 1) },
      deletionProtection: kept,
      removalPolicy: kept ? RemovalPolicy.SNAPSHOT : RemovalPolicy.DESTROY,
    });

    this.database = {
      clusterArn: cluster.clusterArn,
      secretArn: secret.secretArn,
      url: `rds-data://${cluster.clusterArn}/${databaseName}?secret=${secret.secretArn}`,
    };
    new CfnOutput(this, 'DatabaseUrl', { value: this.database.url, description: 'The database_connection of a cell mapping' });

    const migrate = new NodeFunction(this, 'Migrate', {
      entry: 'deploy/migrate-database.ts',
      timeout: migrationTime,
      environment: { DATABASE: this.database.url, SCHEMA: role === 'api' ? 'api' : 'cell' },
    });
    allowDatabase(migrate, this.database);
    // The migrations are in the function's bundle, so it is a new version, and runs again, whenever they change.
    new Trigger(this, 'Migration', { handler: migrate, timeout: migrationTime, executeAfter: [cluster] });
  }
}
