import { expect, it } from 'vitest';
import { createExecutions, type Execution } from '../../../../local/aws/step-functions/executions.ts';

const execution = (name: string, ended: Promise<void>): Execution => ({
  name,
  arn: name,
  input: '{}',
  startedAt: 0,
  status: 'RUNNING',
  stoppedAt: undefined,
  output: undefined,
  error: undefined,
  cause: undefined,
  abort: () => {},
  ended,
});

it('every running execution is kept, and the latest 1,000 of the others', async () => {
  const executions = createExecutions();
  executions.add(execution('running', new Promise(() => {})));
  for (let number = 1; number <= 1_005; number += 1) executions.add(execution(`ended-${number}`, Promise.resolve()));
  await Promise.resolve();
  expect(executions.list()).toHaveLength(1_001);
  expect([executions.get('running')?.name, executions.get('ended-5'), executions.get('ended-6')?.name]).toEqual([
    'running',
    undefined,
    'ended-6',
  ]);
});
