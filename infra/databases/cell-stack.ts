/** A cell: cell0 or a live one, a failure domain of its own. It registers itself, so a reader of the cell mappings needs no output of its stack. */
import type { Construct } from 'constructs';
import type { DatabaseAddress } from './database-access.ts';
import { DatabaseStack, type DatabaseStackProps } from './database-stack.ts';
import { DeployStep } from './deploy-step.ts';

/** What distinguishes one cell from another. */
export interface CellStackProps extends DatabaseStackProps {
  name: string;
  /** Where it is registered. */
  api: DatabaseAddress;
  /** How many simulated hosts it has. */
  simulatedHosts: number;
}

/** A registered cell. */
export class CellStack extends DatabaseStack {
  constructor(scope: Construct, id: string, { name, api, simulatedHosts, ...props }: CellStackProps) {
    super(scope, id, props, { role: name === 'cell0' ? 'cell0' : 'cell', name });
    new DeployStep(this, 'Registration', {
      entry: 'deploy/register-cell.ts',
      environment: { API_DATABASE: api.url, DATABASE: this.database.url, CELL: name, SIMULATED_HOSTS: String(simulatedHosts) },
      databases: [api, this.database],
      after: this.migration,
    });
  }
}
