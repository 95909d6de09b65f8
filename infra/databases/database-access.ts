/**
 * Who may reach which database. A function that works in cells is granted them by tag: a policy stays as small with 200 cells as with one, and a
 * cell added later is reached without a change of the control plane.
 */
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { DatabaseRole } from '../../lambdas/workflows/workflow.ts';
import type { NodeFunction } from '../node-function.ts';
import type { Stage } from '../settings.ts';

/** Tags of everything in a database's stack; rights are granted by them. */
export const tag = {
  /** A `Stage`. */
  stage: 'cellzero:stage',
  /** A `DatabaseRole`. */
  role: 'cellzero:role',
  /** The name of the cell. */
  cell: 'cellzero:cell',
  /** Of a secret: whose it is in its database, a `DatabaseUser`. */
  user: 'cellzero:user',
} as const;

/** The users of a database: the master owns its schema and migrates it; functions are the service user, who reads and writes rows. */
export type DatabaseUser = 'master' | 'service';

/** Where a database is, for its service user. */
export interface DatabaseAddress {
  clusterArn: string;
  secretArn: string;
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>`, both in one. */
  url: string;
}

const runStatement = 'rds-data:ExecuteStatement';
const readSecret = 'secretsmanager:GetSecretValue';

/** Lets a function read one secret. */
export function allowSecret({ grantPrincipal }: IGrantable, secretArn: string): void {
  grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions: [readSecret], resources: [secretArn] }));
}

/** Lets a function run statements in one database. */
export function allowDatabase(func: IGrantable, { clusterArn, secretArn }: DatabaseAddress): void {
  func.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions: [runStatement], resources: [clusterArn] }));
  allowSecret(func, secretArn);
}

/** The databases of a deployment, as the control plane knows them. */
export interface Databases {
  stage: Stage;
  api: DatabaseAddress;
}

/**
 * Lets a function run statements, as the service user, in every database of these roles; `cell` means all live cells of the stage, those of the future
 * included.
 */
export function allowDatabases({ role }: NodeFunction, { stage, api }: Databases, roles: readonly DatabaseRole[]): void {
  if (roles.includes('api')) allowDatabase(role, api);
  const cells = roles.filter((name) => name !== 'api');
  if (cells.length === 0) return;
  const tags = { [`aws:ResourceTag/${tag.stage}`]: stage, [`aws:ResourceTag/${tag.role}`]: cells };
  const ofService = { ...tags, [`aws:ResourceTag/${tag.user}`]: 'service' satisfies DatabaseUser };
  const every = (service: string, resource: string) =>
    Stack.of(role).formatArn({ service, resource, resourceName: '*', arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  const allow = (action: string, resource: string, StringEquals: Record<string, string | string[]>) =>
    role.addToPrincipalPolicy(new PolicyStatement({ actions: [action], resources: [resource], conditions: { StringEquals } }));
  allow(runStatement, every('rds', 'cluster'), tags);
  allow(readSecret, every('secretsmanager', 'secret'), ofService);
  for (const resource of ['rds:<AWS::Region>:<AWS::AccountId>:cluster', 'secretsmanager:<AWS::Region>:<AWS::AccountId>:secret']) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:${resource}:*]`,
      reason: 'Only those with the tags of the condition: cells that are added later are reached, and nothing else.',
    });
  }
}
