/** Logs that a service of AWS writes itself. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { logRetention } from '../node-function.ts';

/**
 * Makes the log group of a workflow or an API. Below `/aws/vendedlogs/` one line of the account's resource policy for CloudWatch Logs is enough for all of them;
 * elsewhere each adds its own, and the policy holds 5,120 characters. A name that is given goes with its stack, so that the next deployment may use it.
 */
export function vendedLogs(scope: Construct, id: string, name: string): LogGroup {
  return new LogGroup(scope, id, {
    logGroupName: `/aws/vendedlogs/${name}`,
    retention: logRetention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}
