/**
 * Step Functions on one machine: the very definition file of the cloud, whose Tasks are functions of this process. A task gets its input and returns its
 * output through JSON, and its errors look as a Lambda's do, so a workflow cannot lean on sharing a process.
 */

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  ExecutionAbortedError,
  ExecutionError,
  ExecutionTimeoutError,
  StateMachine,
  type StateMachineDefinition,
} from 'aws-local-stepfunctions';
import { executionArn, functionArn, stateMachineArn } from '../arns.ts';
import { createExecutions, type Execution } from './executions.ts';
import { createSemaphore } from './semaphore.ts';
import type { StepFunctionsBackend } from './service.ts';
import { createTaskFaults, type TaskFaults } from './workflow-faults.ts';
import { unsupported } from './workflow-support.ts';

/** A function behind a Task state: from its input to its output, both as JSON knows them. */
export type Task = (input: unknown) => Promise<unknown>;

/**
 * Tasks that run at once. They share a process with the requests of clients, which go before what they have started; but a task that waits for a sleeping
 * database holds up nobody for longer than its turn, in milliseconds.
 */
const mostAtOnce = 4;
const longestTurn = 100;

/** What happened at a Task. */
export interface TaskEvent {
  readonly execution: string;
  readonly state: string;
  readonly phase: 'entered' | 'succeeded' | 'failed';
  readonly input: unknown;
  /** Of a task that succeeded. */
  readonly output?: unknown;
  /** Of a task that failed, as it was thrown. */
  readonly error?: unknown;
  /** Since the task was entered. */
  readonly milliseconds: number;
}

/** A workflow that can be started, to be served by `stepFunctionsService`. */
export interface StepFunctions extends StepFunctionsBackend {
  readonly faults: TaskFaults;
  /** Calls a listener with what happens at Tasks. Returns a function that ends this. */
  onTask(listener: (event: TaskEvent) => void): () => void;
  /** Waits until no execution runs, those started meanwhile included. */
  drain(): Promise<void>;
  /** Aborts all executions and waits for the functions that are running. */
  stop(): Promise<void>;
}

/** What a workflow is made of. */
export interface StepFunctionsOptions {
  /** Definition in the Amazon States Language; its name up to the first dot names the machine. */
  readonly definitionFile: string;
  /** By the placeholder that stands for their ARN in the definition. */
  readonly functions: Readonly<Record<string, Task>>;
  /** Milliseconds before every retry, for those who cannot wait as long as the definition says. */
  readonly retryAfter?: number | undefined;
  /** Milliseconds that every Wait state lasts, for the same. */
  readonly waitFor?: number | undefined;
}

/**
 * Reads and checks a definition and makes it startable.
 * @throws Error when the definition is invalid, or says something that would not run here as in the cloud.
 */
export async function createStepFunctions({
  definitionFile,
  functions,
  retryAfter,
  waitFor,
}: StepFunctionsOptions): Promise<StepFunctions> {
  const definition: StateMachineDefinition = JSON.parse(withArns(await readFile(definitionFile, 'utf8')));
  const tasks = tasksOf(definition, new Map(Object.entries(functions).map(([name, func]) => [functionArn(name), func])));
  const problems = unsupported(definition, new Set(Object.keys(tasks)));
  if (problems.length > 0) throw new Error(`${definitionFile} does not run here as in the cloud:\n${problems.join('\n')}`);
  // The constructor validates, slowly, so one machine serves all executions.
  const machine = new StateMachine(definition);
  const name = basename(definitionFile).split('.')[0] ?? '';
  const arn = stateMachineArn(name);

  const retryOverrides =
    retryAfter === undefined ? {} : { retryIntervalOverrides: Object.fromEntries(Object.keys(tasks).map((state) => [state, retryAfter])) };

  const waits = Object.entries(definition.States).filter(([, { Type }]) => Type === 'Wait');
  const waitOverrides = waitFor === undefined ? {} : { waitTimeOverrides: Object.fromEntries(waits.map(([state]) => [state, waitFor])) };

  const faults = createTaskFaults();
  const listeners = new Set<(event: TaskEvent) => void>();
  const executions = createExecutions();
  const semaphore = createSemaphore(mostAtOnce, longestTurn);
  const running = new Set<Promise<unknown>>();

  const runTask = async (execution: Execution, state: string, task: Task, given: unknown): Promise<unknown> => {
    // The interpreter lets an aborted execution run into its retries.
    if (execution.status !== 'RUNNING') throw new ExecutionAbortedError();
    const started = performance.now();
    const input = throughJson(given);
    const report = (phase: TaskEvent['phase'], outcome: Pick<TaskEvent, 'output' | 'error'> = {}) => {
      const event = { execution: execution.name, state, phase, input, ...outcome, milliseconds: performance.now() - started };
      for (const listener of listeners) listener(event);
    };
    report('entered');
    const point = faults.arrive(state);
    try {
      point('before');
      const output = throughJson(await semaphore.acquire(() => task(throughJson(given))));
      point('after');
      report('succeeded', { output });
      return output;
    } catch (error) {
      report('failed', { error });
      throw asLambdaError(error);
    }
  };

  const handlersFor = (execution: Execution) =>
    Object.fromEntries(
      Object.entries(tasks).map(([state, task]) => [
        state,
        (input: unknown) => {
          const run = runTask(execution, state, task, input);
          running.add(run);
          run.catch(() => {}).finally(() => running.delete(run));
          return run as Promise<Json>;
        },
      ]),
    );

  const start = (executionName: string, input: string): Execution => {
    const execution: Execution = {
      name: executionName,
      arn: executionArn(name, executionName),
      input,
      startedAt: Date.now(),
      status: 'RUNNING',
      stoppedAt: undefined,
      output: undefined,
      error: undefined,
      cause: undefined,
      abort: () => {},
      ended: Promise.resolve(),
    };
    const { abort, result } = machine.run(JSON.parse(input), {
      overrides: { taskResourceLocalHandlers: handlersFor(execution), ...retryOverrides, ...waitOverrides },
      context: { Execution: { Id: execution.arn, Name: executionName }, StateMachine: { Id: arn, Name: name } },
    });
    execution.abort = abort;
    execution.ended = result.then(
      (output) => finish(execution, { status: 'SUCCEEDED', output: JSON.stringify(output) }),
      (error: unknown) => finish(execution, failure(error)),
    );
    executions.add(execution);
    return execution;
  };

  return {
    stateMachineArn: arn,
    executions,
    start,
    faults,
    onTask(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    async drain() {
      for (let left = executions.list('RUNNING'); left.length > 0; left = executions.list('RUNNING')) {
        await Promise.all(left.map(({ ended }) => ended));
      }
    },
    async stop() {
      const left = executions.list('RUNNING');
      for (const execution of left) execution.abort();
      await Promise.all(left.map(({ ended }) => ended));
      await Promise.allSettled([...running]);
    },
  };
}

type Json = Awaited<ReturnType<StateMachine['run']>['result']>;

function throughJson(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

/** What a Catch sees of a Lambda's error: its name, and as the Cause a JSON text. */
function asLambdaError(thrown: unknown): Error {
  const { name, message, stack = '' } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const error = new Error(JSON.stringify({ errorType: name, errorMessage: message, trace: stack.split('\n') }));
  error.name = name;
  return error;
}

type Outcome = Pick<Execution, 'status'> & Partial<Pick<Execution, 'output' | 'error' | 'cause'>>;

function failure(error: unknown): Outcome {
  if (error instanceof ExecutionAbortedError) return { status: 'ABORTED' };
  if (error instanceof ExecutionTimeoutError) return { status: 'TIMED_OUT', error: 'States.Timeout' };
  const reason = error instanceof ExecutionError ? error.cause : error;
  return reason instanceof Error
    ? { status: 'FAILED', error: reason.name, cause: reason.message }
    : { status: 'FAILED', error: 'States.Runtime', cause: String(reason) };
}

function finish(execution: Execution, outcome: Outcome): void {
  Object.assign(execution, outcome, { stoppedAt: Date.now() });
}

/** Returns the function behind each Task state that has one, inside Map states too. */
function tasksOf({ States }: Pick<StateMachineDefinition, 'States'>, functions: ReadonlyMap<string, Task>): Record<string, Task> {
  return Object.assign(
    {},
    ...Object.entries(States).map(([name, state]) => {
      if (state.Type === 'Map' && state.ItemProcessor) return tasksOf(state.ItemProcessor, functions);
      const task = state.Type === 'Task' ? functions.get(state.Resource) : undefined;
      return task && { [name]: task };
    }),
  );
}

/** Resources are placeholders until they are deployed; here they are deployed to nowhere, because a function of the process stands for each. */
function withArns(definition: string): string {
  return definition.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => functionArn(name));
}
