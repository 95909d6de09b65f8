/** The boot workflow and a function for each of its steps. The workflow itself is lambdas/workflows/boot/boot.asl.json, the file that runs everywhere. */
import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { timeouts } from '../../lambdas/shared/timeouts.ts';
import { allowDatabases, type DatabaseRole, type Databases } from '../databases/database-access.ts';
import { NodeFunction } from '../node-function.ts';
import { Workflow } from './workflow.ts';

/** The steps by the name of the state. */
const steps: Readonly<Record<string, { entry: string; reaches: readonly DatabaseRole[] }>> = {
  ScheduleServers: { entry: 'workflows/boot/schedule-servers.ts', reaches: ['api'] },
  CreateInCell: { entry: 'workflows/boot/create-in-cell.ts', reaches: ['api', 'cell'] },
  TryAnotherCell: { entry: 'workflows/boot/try-another-cell.ts', reaches: ['api'] },
  BuildOnHost: { entry: 'workflows/boot/build-on-host.ts', reaches: ['cell'] },
  Reschedule: { entry: 'workflows/boot/reschedule.ts', reaches: ['api', 'cell'] },
  FailInCell: { entry: 'workflows/boot/fail-in-cell.ts', reaches: ['api', 'cell'] },
  BuryInCell0: { entry: 'workflows/boot/bury-in-cell0.ts', reaches: ['api', 'cell0'] },
};

/**
 * The workflow that takes an accepted request to active servers, to errors in their cells, or to cell0. It has no timeout of its own, which could cut a
 * burial off: its steps are bounded by their functions' time and the retries in the file.
 */
export class BootWorkflow extends Construct {
  readonly stateMachine: Workflow;
  /** By state. */
  readonly functions: ReadonlyMap<string, NodeFunction>;

  constructor(scope: Construct, id: string, databases: Databases) {
    super(scope, id);
    const tasks = Object.entries(steps).map(([state, { entry, reaches }]): [string, NodeFunction] => {
      const environment: Record<string, string> = reaches.includes('api') ? { API_DATABASE: databases.api.url } : {};
      const step = new NodeFunction(this, state, { entry, timeout: Duration.seconds(timeouts.step), environment });
      allowDatabases(step, databases, reaches);
      return [state, step];
    });
    const { stage } = databases;
    this.stateMachine = new Workflow(this, 'StateMachine', { stage, definition: 'workflows/boot/boot', tasks: Object.fromEntries(tasks) });
    this.functions = new Map(tasks);
  }
}
