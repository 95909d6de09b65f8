import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { region } from '../../../../local/aws/arns.ts';
import { type Aws, startAws } from '../../../../local/aws/server.ts';
import { stepFunctionsService } from '../../../../local/aws/step-functions/service.ts';
import { createStepFunctions, type StepFunctions, type Task, type TaskEvent } from '../../../../local/aws/step-functions/step-functions.ts';

/** What stands for a function's ARN until the workflow is deployed. */
const placeholder = (name: string) => `\${${name}}`;

const definition = {
  StartAt: 'Plan',
  States: {
    Plan: {
      Type: 'Task',
      Resource: placeholder('Plan'),
      Parameters: { 'execution.$': '$$.Execution.Name', 'servers.$': '$.servers' },
      ResultPath: '$.plan',
      Retry: [{ ErrorEquals: ['Busy'], IntervalSeconds: 1, MaxAttempts: 2, BackoffRate: 1 }],
      Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.failure', Next: 'Bury' }],
      Next: 'Each',
    },
    Each: {
      Type: 'Map',
      ItemsPath: '$.servers',
      ItemSelector: { 'server.$': '$$.Map.Item.Value', 'execution.$': '$$.Execution.Name' },
      ItemProcessor: {
        StartAt: 'Build',
        States: { Build: { Type: 'Task', Resource: placeholder('Build'), TimeoutSeconds: 60, End: true } },
      },
      End: true,
    },
    Bury: { Type: 'Task', Resource: placeholder('Bury'), End: true },
  },
};

const tasks: Record<string, Task> = {};
let folder: string;
let workflow: StepFunctions;
let aws: Aws;
let client: SFNClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cellzero-test-'));
  const definitionFile = join(folder, 'boot.asl.json');
  await writeFile(definitionFile, JSON.stringify(definition));
  const late = (state: string) => (input: unknown) => tasks[state]?.(input) ?? Promise.resolve(input);
  workflow = await createStepFunctions({ definitionFile, functions: { Plan: late('Plan'), Build: late('Build'), Bury: late('Bury') } });
  aws = await startAws({ services: [stepFunctionsService([workflow])] });
  client = new SFNClient({ endpoint: aws.url, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } });
});

afterEach(async () => {
  await workflow.stop();
  workflow.faults.clear();
  for (const state of Object.keys(tasks)) delete tasks[state];
});

afterAll(async () => {
  client.destroy();
  await aws.close();
  await rm(folder, { recursive: true });
});

const start = async (name: string, input: unknown = { servers: [1, 2] }) =>
  (await client.send(new StartExecutionCommand({ stateMachineArn: workflow.stateMachineArn, name, input: JSON.stringify(input) })))
    .executionArn;
const describeExecution = (executionArn: string | undefined) => client.send(new DescribeExecutionCommand({ executionArn }));
const outcome = async (name: string, input?: unknown) => {
  const executionArn = await start(name, input);
  await workflow.drain();
  const { status, output, error, cause } = await describeExecution(executionArn);
  return { status, output: output && JSON.parse(output), error, cause };
};

describe('an execution', () => {
  it('runs tasks by the name of their state, inside a map too', async () => {
    expect(await outcome('runs')).toMatchObject({
      status: 'SUCCEEDED',
      output: [
        { server: 1, execution: 'runs' },
        { server: 2, execution: 'runs' },
      ],
    });
  });

  it('passes values through JSON both ways', async () => {
    const seen: unknown[] = [];
    const shared = { at: new Date(0), gone: undefined };
    tasks.Plan = async () => shared;
    tasks.Build = async (input) => {
      seen.push(input);
      Object.assign(input as object, { server: 'changed' });
      return undefined;
    };
    expect((await outcome('json')).output).toEqual([null, null]);
    expect(seen).toEqual([
      { server: 'changed', execution: 'json' },
      { server: 'changed', execution: 'json' },
    ]);
    expect(shared).toEqual({ at: new Date(0), gone: undefined });
  });

  it('catches an error by its name, with the Cause of a Lambda', async () => {
    tasks.Plan = async () => {
      throw Object.assign(new Error('no valid host'), { name: 'NoValidHost' });
    };
    const { output } = await outcome('caught');
    expect(output.failure.Error).toBe('NoValidHost');
    expect(JSON.parse(output.failure.Cause)).toMatchObject({
      errorType: 'NoValidHost',
      errorMessage: 'no valid host',
      trace: expect.any(Array),
    });
  });

  it('retries what its state retries', async () => {
    let attempts = 0;
    tasks.Plan = async () => {
      attempts += 1;
      if (attempts === 1) throw Object.assign(new Error('later'), { name: 'Busy' });
    };
    expect((await outcome('retried')).status).toBe('SUCCEEDED');
    expect(attempts).toBe(2);
  });

  it('fails with what no state caught', async () => {
    tasks.Build = async () => {
      throw new TypeError('broken');
    };
    const { status, error, cause } = await outcome('fails');
    expect([status, error, JSON.parse(cause ?? '').errorMessage]).toEqual(['FAILED', 'TypeError', 'broken']);
  });

  it('started twice while it runs is one', async () => {
    const gate = Promise.withResolvers<void>();
    tasks.Plan = () => gate.promise;
    const first = await start('twice');
    expect(await start('twice')).toBe(first);
    await expect(start('twice', { servers: [3] })).rejects.toMatchObject({
      name: 'ExecutionAlreadyExists',
      $metadata: { httpStatusCode: 400 },
    });
    const running = await client.send(new ListExecutionsCommand({ stateMachineArn: workflow.stateMachineArn, statusFilter: 'RUNNING' }));
    expect(running.executions?.map(({ name }) => name)).toEqual(['twice']);
    gate.resolve();
    await workflow.drain();
    await expect(start('twice')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  });

  it('can be stopped', async () => {
    const events: string[] = [];
    const leave = workflow.onTask(({ state, phase }) => events.push(`${state} ${phase}`));
    const gate = Promise.withResolvers<void>();
    tasks.Plan = async () => {
      await gate.promise;
      throw Object.assign(new Error('later'), { name: 'Busy' });
    };
    const executionArn = await start('stopped');
    await expect.poll(() => events).toEqual(['Plan entered']);
    await client.send(new StopExecutionCommand({ executionArn, error: 'Operator', cause: 'enough' }));
    expect(await describeExecution(executionArn)).toMatchObject({ status: 'ABORTED', error: 'Operator', cause: 'enough' });
    gate.resolve();
    await workflow.stop();
    await sleep(50);
    leave();
    expect(events).toEqual(['Plan entered', 'Plan failed']);
  });

  it('is refused under a bad name, with bad input, or of another machine', async () => {
    await expect(start('with space')).rejects.toMatchObject({ name: 'InvalidName' });
    await expect(start('x'.repeat(81))).rejects.toMatchObject({ name: 'InvalidName' });
    const stateMachineArn = workflow.stateMachineArn;
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: '{' }))).rejects.toMatchObject({
      name: 'InvalidExecutionInput',
    });
    await expect(client.send(new StartExecutionCommand({ stateMachineArn: `${stateMachineArn}x` }))).rejects.toMatchObject({
      name: 'StateMachineDoesNotExist',
    });
    await expect(describeExecution(`${stateMachineArn}:nothing`)).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
  });
});

describe('observers', () => {
  it('are called with what happens at tasks', async () => {
    const events: TaskEvent[] = [];
    const leave = workflow.onTask((event) => events.push(event));
    tasks.Build = async () => {
      throw new Error('broken');
    };
    await outcome('observed', { servers: [1] });
    leave();
    expect(events.map(({ execution, state, phase }) => `${execution} ${state} ${phase}`)).toEqual([
      'observed Plan entered',
      'observed Plan succeeded',
      'observed Build entered',
      'observed Build failed',
    ]);
    expect(events[1]).toMatchObject({ input: { execution: 'observed', servers: [1] }, output: { execution: 'observed', servers: [1] } });
    expect(events[3]?.error).toMatchObject({ message: 'broken' });
  });
});

describe('faults', () => {
  it('before a task keep it from running', async () => {
    let ran = 0;
    tasks.Plan = async () => {
      ran += 1;
    };
    workflow.faults.add({ state: 'Plan', when: 'before' });
    const { output } = await outcome('before');
    expect([output.failure.Error, ran]).toEqual(['Lambda.Unknown', 0]);
  });

  it('after a task lose its result, at the n-th run', async () => {
    const built: unknown[] = [];
    tasks.Build = async (input) => built.push(input);
    const fault = workflow.faults.add({ state: 'Build', when: 'after', nth: 2, error: 'Lost' });
    expect(await outcome('after', { servers: [1, 2, 3] })).toMatchObject({ status: 'FAILED', error: 'Lost' });
    expect([built.length, fault.hits]).toEqual([3, 1]);
    expect((await outcome('after-that')).status).toBe('SUCCEEDED');
  });
});

it('a definition that would not run as in the cloud is refused', async () => {
  const file = join(folder, 'bad.asl.json');
  await writeFile(file, JSON.stringify(definition));
  await expect(createStepFunctions({ definitionFile: file, functions: {} })).rejects.toThrow('state Plan: no function for this Task');
  await writeFile(file, JSON.stringify({ StartAt: 'Nowhere', States: { Done: { Type: 'Succeed' } } }));
  await expect(createStepFunctions({ definitionFile: file, functions: {} })).rejects.toThrow('Nowhere');
});
