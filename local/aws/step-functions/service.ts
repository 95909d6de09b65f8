/** The operations of Step Functions that start and follow executions, with AWS's rules for names and its errors. */

import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { AwsError, type AwsService } from '../server.ts';
import type { Execution, Executions } from './executions.ts';

/** What the operations work on. */
export interface StepFunctionsBackend {
  readonly stateMachineArn: string;
  readonly executions: Executions;
  start(name: string, input: string): Execution;
}

const longestInput = 256 * 1024;
/** AWS forbids white space, brackets, wildcards, other special characters and control characters. */
const forbiddenInNames = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u;
const longestName = 80;

const startRequest = z.object({ stateMachineArn: z.string(), name: z.string().optional(), input: z.string().default('{}') });
const executionRequest = z.object({ executionArn: z.string() });
const stopRequest = executionRequest.extend({ error: z.string().optional(), cause: z.string().optional() });
const listRequest = z.object({
  stateMachineArn: z.string(),
  statusFilter: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']).optional(),
  maxResults: z.int().min(0).max(1_000).default(100),
  nextToken: z.string().optional(),
});

/** Serves StartExecution, DescribeExecution, ListExecutions and StopExecution of state machines. */
export function stepFunctionsService(backends: readonly StepFunctionsBackend[]): AwsService {
  const operations: Readonly<Record<string, (body: unknown) => object | Promise<object>>> = {
    'AWSStepFunctions.StartExecution': (body) => startExecution(backends, startRequest.parse(body)),
    'AWSStepFunctions.DescribeExecution': (body) => describe(find(backends, executionRequest.parse(body).executionArn)),
    'AWSStepFunctions.ListExecutions': (body) => listExecutions(backends, listRequest.parse(body)),
    'AWSStepFunctions.StopExecution': (body) => stopExecution(backends, stopRequest.parse(body)),
  };
  const answer = async (operation: (body: unknown) => object | Promise<object>, body: Buffer): Promise<string> => {
    try {
      return JSON.stringify(await operation(JSON.parse(body.toString())));
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      throw new AwsError('ValidationException', error.message);
    }
  };
  return ({ target, body }) => {
    const operation = operations[target];
    return operation && answer(operation, body);
  };
}

function startExecution(
  backends: readonly StepFunctionsBackend[],
  { stateMachineArn, name = randomUUID(), input }: z.infer<typeof startRequest>,
): object {
  const backend = machine(backends, stateMachineArn);
  if (name === '' || name.length > longestName || forbiddenInNames.test(name)) throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
  if (Buffer.byteLength(input) > longestInput || !isJson(input)) {
    throw new AwsError('InvalidExecutionInput', `Invalid State Machine Execution Input: '${input.slice(0, 100)}'`);
  }
  const before = backend.executions.get(name);
  // Sending a start twice starts once, but only while it runs and when it asks for the same.
  if (before?.status === 'RUNNING' && before.input === input) return started(before);
  if (before) throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${before.arn}'`);
  return started(backend.start(name, input));
}

function started({ arn, startedAt }: Execution): object {
  return { executionArn: arn, startDate: startedAt / 1_000 };
}

function listExecutions(backends: readonly StepFunctionsBackend[], request: z.infer<typeof listRequest>): object {
  const backend = machine(backends, request.stateMachineArn);
  const all = backend.executions.list(request.statusFilter);
  const from = Number(request.nextToken ?? 0);
  if (!Number.isSafeInteger(from)) throw new AwsError('InvalidToken', `Invalid Token: '${request.nextToken}'`);
  const until = from + (request.maxResults || 100);
  return {
    executions: all.slice(from, until).map((execution) => summary({ backend, execution })),
    ...(until < all.length ? { nextToken: String(until) } : {}),
  };
}

async function stopExecution(
  backends: readonly StepFunctionsBackend[],
  { executionArn, error, cause }: z.infer<typeof stopRequest>,
): Promise<object> {
  const { execution } = find(backends, executionArn);
  if (execution.status === 'RUNNING') {
    execution.abort();
    await execution.ended;
    Object.assign(execution, { error, cause });
  }
  return { stopDate: (execution.stoppedAt ?? Date.now()) / 1_000 };
}

interface Found {
  backend: StepFunctionsBackend;
  execution: Execution;
}

function describe(found: Found): object {
  const { input, output, error, cause } = found.execution;
  return { ...summary(found), input, output, error, cause };
}

function summary({ backend, execution: { arn, name, status, startedAt, stoppedAt } }: Found): object {
  return {
    executionArn: arn,
    stateMachineArn: backend.stateMachineArn,
    name,
    status,
    startDate: startedAt / 1_000,
    stopDate: stoppedAt === undefined ? undefined : stoppedAt / 1_000,
  };
}

function machine(backends: readonly StepFunctionsBackend[], arn: string): StepFunctionsBackend {
  const found = backends.find(({ stateMachineArn }) => stateMachineArn === arn);
  if (!found) throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  return found;
}

function find(backends: readonly StepFunctionsBackend[], arn: string): Found {
  for (const backend of backends) {
    const execution = backend.executions.get(arn.slice(arn.lastIndexOf(':') + 1));
    if (execution?.arn === arn) return { backend, execution };
  }
  throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
