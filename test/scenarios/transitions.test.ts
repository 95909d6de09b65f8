/** Paid transitions of the boot workflow: a budget of the design. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { workflows } from '../../lambdas/workflows/index.ts';
import { definitionFile } from '../../local/deployment/workflows.ts';
import { type Cloud, startCloud, type User } from '../fixtures/cloud.ts';

let cloud: Cloud;
let user: User;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud();
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());

beforeEach(async () => {
  user = await cloud.newUser();
});

interface State {
  Type: string;
  Next?: string;
  Catch?: { Next: string }[];
  ItemProcessor?: Machine;
}
interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

/** AWS charges a transition for each state that is entered, the first with the start of the execution, a Map and each state of its items. */
function entered(machine: Machine, tasks: readonly string[]): number {
  let count = 0;
  for (let name: string | undefined = machine.StartAt; name !== undefined; ) {
    const state: State | undefined = machine.States[name];
    if (!state) throw new Error(`no state ${name}`);
    count += 1;
    if (state.ItemProcessor) count += entered(state.ItemProcessor, tasks);
    const caught: string | undefined = state.Catch?.map(({ Next }) => Next).find((next) => tasks.includes(next));
    name = caught ?? state.Next;
  }
  return count;
}

/** Transitions of the boot of a request, the start counted as one. */
async function transitions(fields: Record<string, unknown>): Promise<number> {
  const definition: Machine = JSON.parse(await readFile(definitionFile(workflows.boot), 'utf8'));
  const tasks: string[] = [];
  const end = cloud.service.workflow.onTask(({ state, phase }) => {
    if (phase === 'entered') tasks.push(state);
  });
  await user.settled(await user.boot(fields));
  await cloud.service.workflow.drain();
  end();
  return entered(definition, tasks) + 1;
}

test('of one server to ACTIVE are 2, with the start', async () => {
  expect(await transitions({})).toBe(2);
});

test('of one server to ERROR in cell0 are 3', async () => {
  expect(await transitions({ flavorRef: tooLarge })).toBe(3);
});

test('of one server that another state goes on with are 6', async () => {
  cloud.service.workflow.faults.add({ state: 'BootOne', when: 'before', nth: 1 });
  expect(await transitions({})).toBe(6);
});
