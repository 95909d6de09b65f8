/** The steps of the boot workflow. Its states and their order are in boot.asl.json. */
import { retryAlways, retryTransient, type Workflow, type WorkflowFunction } from '../workflow.ts';

/** Long enough for a step that wakes the api database and a cell one after the other, in seconds. */
const timeout = 90;

const step = (file: string, ...databases: WorkflowFunction['databases']): WorkflowFunction => ({
  entry: `workflows/boot/${file}`,
  databases,
  timeout,
});

/** The boot workflow. A state that can leave its work to another state gives up early or at once, one that cannot keeps trying. */
export const boot = {
  definition: 'workflows/boot/boot.asl.json',
  functions: {
    BootOne: step('boot-one.ts', 'api', 'cell'),
    ScheduleServers: step('schedule-servers.ts', 'api'),
    CreateInCell: step('create-in-cell.ts', 'api', 'cell'),
    TryAnotherCell: step('try-another-cell.ts', 'api'),
    BuildOnHost: step('build-on-host.ts', 'cell'),
    Reschedule: step('reschedule.ts', 'api', 'cell'),
    FailInCell: step('fail-in-cell.ts', 'api', 'cell'),
    BuryInCell0: step('bury-in-cell0.ts', 'api', 'cell0'),
  },
  retries: {
    BootOne: null,
    ScheduleServers: retryTransient(4),
    CreateInCell: retryTransient(2),
    TryAnotherCell: retryTransient(4),
    BuildOnHost: retryTransient(6),
    Reschedule: retryTransient(6),
    FailInCell: retryAlways(8),
    BuryServerInCell0: retryAlways(8),
    BuryInCell0: retryAlways(10),
  },
} satisfies Workflow;
