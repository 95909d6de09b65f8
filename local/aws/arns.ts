/** The names of things of AWS on one machine. Account and region are made up, the forms are those of the cloud. */

const account = '000000000000';

/** The region every local name is in. */
export const region = 'us-east-1';

/** The database inside every cluster. */
export const databaseName = 'cellzero';

/** ARN of the Aurora cluster with this name: `api`, `cell0`, `cell1` and so on. */
export const clusterArn = (name: string): string => `arn:aws:rds:${region}:${account}:cluster:${name}`;

/** ARN of the secret with which functions open the cluster with this name. */
export const secretArn = (name: string): string => `arn:aws:secretsmanager:${region}:${account}:secret:${name}`;

/** ARN of the secret of its master. */
export const masterSecretArn = (name: string): string => secretArn(`${name}-master`);

/** The user that functions are in it. */
export const serviceUser = (name: string): string => `cellzero_${name}`;

/** URL of the database in a cluster, as settings and `cell_mappings.database_connection` hold it. */
export const databaseUrl = (name: string): string => `rds-data://${clusterArn(name)}/${databaseName}?secret=${secretArn(name)}`;

/** URL of the same database for its master. */
export const masterUrl = (name: string): string => `rds-data://${clusterArn(name)}/${databaseName}?secret=${masterSecretArn(name)}`;

/** ARN of a Lambda function. */
export const functionArn = (name: string): string => `arn:aws:lambda:${region}:${account}:function:${name}`;

/** ARN of a state machine. */
export const stateMachineArn = (name: string): string => `arn:aws:states:${region}:${account}:stateMachine:${name}`;

/** ARN of an execution of a state machine. */
export const executionArn = (machine: string, execution: string): string =>
  `arn:aws:states:${region}:${account}:execution:${machine}:${execution}`;

/** URL of a queue, below the URL of all services. */
export const queueUrl = (services: string, name: string): string => `${services}/${account}/${name}`;

/** ARN of a queue. */
export const queueArn = (name: string): string => `arn:aws:sqs:${region}:${account}:${name}`;

/** ARN of a KMS key. */
export const keyArn = (id: string): string => `arn:aws:kms:${region}:${account}:key/${id}`;
