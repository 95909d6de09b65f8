import { expect, it } from 'vitest';
import { unsupported } from '../../../../local/aws/step-functions/workflow-support.ts';

const machine = (state: object, more: object = {}) => ({ StartAt: 'One', States: { One: { End: true, ...state } }, ...more });
const task = { Type: 'Task', Resource: 'arn:aws:lambda:us-east-1:000000000000:function:one' };
const map = (inner: object, more: object = {}, processor: object = {}) => ({
  Type: 'Map',
  ItemProcessor: { ...machine(inner), ...processor },
  ...more,
});
const check = (definition: unknown) => unsupported(definition, new Set(['One']));

it.each([
  [
    'a task',
    machine({ ...task, Parameters: { 'name.$': '$$.Execution.Name', 'input.$': '$$.Execution.Input.server' }, ResultPath: '$.one' }),
  ],
  [
    'retry and catch',
    machine({ ...task, Retry: [{ ErrorEquals: ['A'], JitterStrategy: 'FULL' }], Catch: [{ ErrorEquals: ['States.ALL'], Next: 'One' }] }),
  ],
  ['an inline map', machine(map(task, { ItemSelector: { 'server.$': '$$.Map.Item.Value' } }, { ProcessorConfig: { Mode: 'INLINE' } }))],
  ['JSONPath by name', machine({ ...task, QueryLanguage: 'JSONPath' }, { QueryLanguage: 'JSONPath' })],
  ['an intrinsic function', machine({ ...task, Parameters: { 'id.$': "States.Format('a-{}', $$.Execution.Name)" } })],
  ['a dollar in a text', machine({ ...task, Comment: 'costs 5 $$.State' })],
])('runs %s', (_name, definition) => {
  expect(check(definition)).toEqual([]);
});

it.each([
  ['JSONata', machine(task, { QueryLanguage: 'JSONata' }), 'the machine: query language JSONata'],
  ['JSONata in a state', machine({ ...task, QueryLanguage: 'JSONata' }), 'state One: query language JSONata'],
  ['a JSONata text', machine({ ...task, Comment: '{% $x %}' }), 'state One: JSONata {% $x %}'],
  ['Assign', machine({ ...task, Assign: { a: 1 } }), 'state One: field Assign'],
  ['a variable', machine({ ...task, InputPath: '$server.id' }), 'state One: variable $server.id'],
  [
    'the state in the context',
    machine({ ...task, Parameters: { 'a.$': '$$.State.RetryCount' } }),
    'state One: context $$.State.RetryCount',
  ],
  ['a task token', machine({ ...task, Parameters: { 'a.$': '$$.Task.Token' } }), 'state One: context $$.Task.Token'],
  ['a token in a function', machine({ ...task, Parameters: { 'a.$': 'States.Array($$.Task.Token)' } }), 'state One: context $$.Task.Token'],
  [
    'waiting for a token',
    machine({ ...task, Resource: 'arn:aws:states:::sqs:sendMessage.waitForTaskToken' }),
    'state One: integration pattern .waitForTaskToken',
  ],
  ['waiting for a job', machine({ ...task, Resource: 'arn:aws:states:::batch:submitJob.sync' }), 'state One: integration pattern .sync'],
  ['a heartbeat', machine({ ...task, HeartbeatSeconds: 5 }), 'state One: field HeartbeatSeconds'],
  [
    'a distributed map',
    machine(map(task, {}, { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } })),
    'state One: distributed Map',
  ],
  ['an item reader', machine(map(task, { ItemReader: {} })), 'state One: field ItemReader'],
  ['a tolerated failure', machine(map(task, { ToleratedFailureCount: 1 })), 'state One: field ToleratedFailureCount'],
  ['an item outside its map', machine({ ...task, InputPath: '$$.Map.Item.Value' }), 'state One: context $$.Map.Item.Value'],
  ['the input inside a map', machine(map({ ...task, InputPath: '$$.Execution.Input' })), 'state One: context $$.Execution.Input'],
  ['a heartbeat inside a map', machine(map({ ...task, HeartbeatSeconds: 5 })), 'state One: field HeartbeatSeconds'],
  ['a branch', machine({ Type: 'Parallel', Branches: [machine({ ...task, Assign: {} })] }), 'state One: field Assign'],
  ['an unknown retry', machine({ ...task, Retry: [{ ErrorEquals: ['A'], Output: 1 }] }), 'state One: Retry: field Output'],
  ['a type', machine({ Type: 'Teleport' }), 'state One: type Teleport'],
])('reports %s', (_name, definition, problem) => {
  expect(check(definition)).toEqual([problem]);
});

it('reports a task without a function', () => {
  expect(unsupported(machine(map(task)), new Set())).toEqual(['state One: no function for this Task']);
});
