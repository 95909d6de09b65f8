/** Everything between clients and databases: the HTTP API, its functions, and the boot workflow. It keeps no data. */
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Settings } from '../../compute/settings.ts';
import type { Databases } from '../databases/database-access.ts';
import { Alarms } from '../observability/alarms.ts';
import { Dashboard } from '../observability/dashboard.ts';
import { prefixOf } from '../settings.ts';
import { ApiFunctions } from './api-functions.ts';
import { Auditor } from './auditor.ts';
import { BootWorkflow } from './boot-workflow.ts';
import { GuestSecrets } from './guest-secrets.ts';
import { PublicApi } from './public-api.ts';
import { PublicKeys } from './public-keys.ts';
import { Reaper } from './reaper.ts';
import { Reports } from './reports.ts';

/** What the control plane knows of the rest of the deployment. */
export interface ControlPlaneStackProps {
  databases: Databases;
  /** Where clients reach the API when it is not at the address of API Gateway; empty otherwise. */
  publicUrl: string;
  /** How many functions it may set aside shares of; 0 sets nothing aside. */
  concurrency: number;
  /** JSON of how simulated hosts behave; empty for hosts that do at once what they are asked. */
  simulation: string;
  settings: Settings;
}

/** The control plane. */
export class ControlPlaneStack extends Stack {
  constructor(scope: Construct, id: string, { databases, publicUrl, concurrency, simulation, settings }: ControlPlaneStackProps) {
    super(scope, id, { description: 'Cellzero: control plane' });
    const boot = new BootWorkflow(this, 'Boot', databases);
    const auditor = new Auditor(this, 'Auditor', databases);
    const reaper = new Reaper(this, 'Reaper', { databases, boot: boot.stateMachine, audit: auditor.stateMachine });
    const publicKeys = new PublicKeys(this, 'PublicKeys');
    const { functions } = new ApiFunctions(this, 'Functions', {
      ...{ databases, publicKeys, publicUrl, concurrency },
      ...{ boot: boot.stateMachine, reaper: reaper.stateMachine },
    });
    const reports = new Reports(this, 'Reports', {
      ...{ databases, simulation, settings },
      ...{ boot: boot.stateMachine, reaper: reaper.stateMachine },
    });
    const { BootOne, BuildOnHost, Reschedule, FailInCell } = boot.functions;
    for (const func of [functions.compute, BootOne, BuildOnHost, Reschedule, FailInCell, reaper.functions.Reap]) reports.allowHosts(func);
    const secrets = new GuestSecrets(this, 'GuestSecrets', publicKeys);
    secrets.allowSealing(functions.compute);
    // The others ask hosts to end servers only.
    for (const func of [functions.compute, BootOne, BuildOnHost, reaper.functions.Reap]) secrets.allowOpening(func);
    const prefix = prefixOf(databases.stage);
    const { url, http, serverErrors } = new PublicApi(this, 'Api', prefix, functions);
    const observed = { prefix, http, serverErrors, api: functions, boot, reaper, auditor, reports };
    const { alarms } = new Alarms(this, 'Alarms', observed);
    new Dashboard(this, 'Dashboard', observed, alarms);
    new CfnOutput(this, 'ApiUrl', { value: publicUrl || url, description: 'Keystone is at /identity/v3, Nova at /v2.1' });
    new CfnOutput(this, 'ReaperArn', { value: reaper.stateMachine.stateMachineArn, description: 'An execution runs the reaper' });
  }
}
