/** Everything between clients and databases: the HTTP API, its functions, and the boot workflow. It keeps no data. */
import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ApiFunctions } from './api-functions.ts';
import { BootWorkflow } from './boot-workflow.ts';
import type { Databases } from './database-access.ts';
import { PublicApi } from './public-api.ts';
import { Reaper } from './reaper.ts';

/** What the control plane is told of the rest of the deployment. */
export interface ControlPlaneStackProps {
  databases: Databases;
  /** Where clients reach the API when it is not at the address of API Gateway; empty otherwise. */
  publicUrl: string;
}

/** The control plane. */
export class ControlPlaneStack extends Stack {
  constructor(scope: Construct, id: string, { databases, publicUrl }: ControlPlaneStackProps) {
    super(scope, id, { description: 'Cellzero: control plane' });
    const { stateMachine: boot } = new BootWorkflow(this, 'Boot', databases);
    const { watch } = new Reaper(this, 'Reaper', { databases, boot });
    const { functions } = new ApiFunctions(this, 'Functions', { databases, publicUrl, boot, watch });
    const { url } = new PublicApi(this, 'Api', functions);
    new CfnOutput(this, 'ApiUrl', { value: url, description: 'Keystone is at /identity/v3, Nova at /v2.1' });
  }
}
