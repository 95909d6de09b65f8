/**
 * What the local interpreter of the Amazon States Language would skip without a word or run differently from the cloud. It is a list of what is known to
 * work, so that anything new is reported until somebody has tried it.
 */

import * as z from 'zod';

const common = ['Type', 'Comment', 'QueryLanguage', 'InputPath', 'OutputPath', 'Next', 'End'];
const resultFields = ['Parameters', 'ResultSelector', 'ResultPath', 'Retry', 'Catch'];

/** Fields that the interpreter runs, by type of state. */
const fields: Readonly<Record<string, readonly string[]>> = {
  Task: [...common, ...resultFields, 'Resource', 'TimeoutSeconds', 'TimeoutSecondsPath'],
  Parallel: [...common, ...resultFields, 'Branches'],
  Map: [...common, ...resultFields, 'Iterator', 'ItemProcessor', 'ItemSelector', 'ItemsPath', 'MaxConcurrency', 'MaxConcurrencyPath'],
  Pass: [...common, 'Parameters', 'Result', 'ResultPath'],
  Wait: [...common, 'Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'],
  Choice: [...common, 'Choices', 'Default'],
  Succeed: ['Type', 'Comment', 'QueryLanguage', 'InputPath', 'OutputPath'],
  Fail: ['Type', 'Comment', 'QueryLanguage', 'Cause', 'CausePath', 'Error', 'ErrorPath'],
};
const machineFields = ['Comment', 'QueryLanguage', 'StartAt', 'States', 'TimeoutSeconds', 'Version'];
const processorFields = ['Comment', 'ProcessorConfig', 'StartAt', 'States'];
const retrierFields = ['BackoffRate', 'Comment', 'ErrorEquals', 'IntervalSeconds', 'JitterStrategy', 'MaxAttempts', 'MaxDelaySeconds'];
const catcherFields = ['Comment', 'ErrorEquals', 'Next', 'ResultPath'];

/** Members of the context object that are there in a state of the outermost machine. */
const context = /^\$\$\.(?:Execution(?:\.(?:Id|Input|Name|StartTime)\b|$)|StateMachine(?:\.(?:Id|Name)\b|$))/;
/** Inside a Map or Parallel the interpreter starts a machine of its own, whose input and start are not the execution's. */
const nestedContext = /^\$\$\.(?:Execution\.(?:Id|Name)\b|StateMachine\.(?:Id|Name)\b)/;
const mapItem = /^\$\$\.Map\.Item\.(?:Index|Value)\b/;

const record = z.record(z.string(), z.unknown());
const machineShape = z.looseObject({ States: z.record(z.string(), z.looseObject({ Type: z.string() })) });
type Machine = z.infer<typeof machineShape>;
type State = Machine['States'][string];

/**
 * Lists what in a definition would not run here as in the cloud, in words, with the state; empty when all would.
 * @param tasks names of the states that have a function; a Task without one would call AWS.
 * @throws ZodError when it is not a state machine at all.
 */
export function unsupported(definition: unknown, tasks: ReadonlySet<string>): string[] {
  const machine = machineShape.parse(definition);
  return [
    ...unknownFields('the machine', machine, machineFields),
    ...languages('the machine', machine),
    ...inStates(machine, tasks, false),
  ];
}

function inStates(machine: Machine, tasks: ReadonlySet<string>, nested: boolean): string[] {
  return Object.entries(machine.States).flatMap(([name, state]) => inState(name, state, tasks, nested));
}

function inState(name: string, state: State, tasks: ReadonlySet<string>, nested: boolean): string[] {
  const where = `state ${name}`;
  const known = fields[state.Type];
  if (!known) return [`${where}: type ${state.Type}`];
  const { Branches: branches, Iterator: iterator, ItemProcessor: processor, ...own } = state;
  const machines = [iterator, processor, ...(Array.isArray(branches) ? branches : [])].filter((part) => part !== undefined);
  return [
    ...unknownFields(where, state, known),
    ...languages(where, state),
    ...listed(own.Retry).flatMap((retrier) => unknownFields(`${where}: Retry`, retrier, retrierFields)),
    ...listed(own.Catch).flatMap((catcher) => unknownFields(`${where}: Catch`, catcher, catcherFields)),
    ...(state.Type === 'Task' ? taskProblems(where, name, own, tasks) : []),
    ...strings(own).flatMap((text) => textProblems(where, text, nested, state.Type === 'Map')),
    ...machines.flatMap((part) => inMachine(where, part, tasks)),
  ];
}

function inMachine(where: string, definition: unknown, tasks: ReadonlySet<string>): string[] {
  const machine = machineShape.parse(definition);
  const { ProcessorConfig: config = {} } = machine;
  const { Mode: mode = 'INLINE', ...more } = record.parse(config);
  return [
    ...unknownFields(`${where}: processor`, machine, processorFields),
    ...(mode === 'INLINE' && Object.keys(more).length === 0 ? [] : [`${where}: distributed Map`]),
    ...inStates(machine, tasks, true),
  ];
}

function unknownFields(where: string, value: object, known: readonly string[]): string[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => `${where}: field ${key}`);
}

/** The validator writes JSONPath into the definitions it sees, so only another language is reported. */
function languages(where: string, { QueryLanguage: language = 'JSONPath' }: Record<string, unknown>): string[] {
  return language === 'JSONPath' ? [] : [`${where}: query language ${language}`];
}

function taskProblems(where: string, name: string, { Resource: resource }: Record<string, unknown>, tasks: ReadonlySet<string>): string[] {
  const problems = tasks.has(name) ? [] : [`${where}: no function for this Task`];
  const pattern = /\.(?:waitForTaskToken|sync(?::2)?)$/.exec(String(resource));
  return pattern ? [...problems, `${where}: integration pattern ${pattern[0]}`] : problems;
}

function textProblems(where: string, text: string, nested: boolean, isMap: boolean): string[] {
  if (/^\{%.*%\}$/s.test(text)) return [`${where}: JSONata ${text}`];
  const paths = text.match(/\$\$?[\w.[\]'"]*/g) ?? [];
  if (!text.startsWith('$') && !text.startsWith('States.')) return [];
  return paths.flatMap((path) => {
    if (path.startsWith('$$')) {
      const allowed = (nested ? nestedContext : context).test(path) || (isMap && mapItem.test(path));
      return allowed ? [] : [`${where}: context ${path}`];
    }
    return /^\$[A-Za-z_]/.test(path) ? [`${where}: variable ${path}`] : [];
  });
}

function listed(value: unknown): object[] {
  return z.array(record).optional().parse(value) ?? [];
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(strings) : [];
}
