/** What Step Functions holds of one execution: 262,144 bytes of state; a request has 500 servers at most. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { fitState } from '../../../../lambdas/workflows/boot/state-limit.ts';
import { workflows } from '../../../../lambdas/workflows/index.ts';
import { readDefinition } from '../../../../local/generate/definitions.ts';

const mostServers = 500;

const stateOf = (servers: number, name: number, alternates: number) => {
  const input = {
    execution: 'r-12345678-1764162000000000',
    request_id: `req-${randomUUID()}`,
    servers: Array.from({ length: servers }, () => randomUUID()),
  };
  const placements = input.servers.map((server) => ({
    ...{ execution: input.execution, request_id: input.request_id, server, cell: randomUUID(), refusals: 0 },
    ...{ host: 'h'.repeat(name), zone: 'ü'.repeat(name / 2), alternates: Array.from({ length: alternates }, () => 'a'.repeat(name)) },
  }));
  const fitting = fitState(input, placements);
  return { placements, fitting, bytes: Buffer.byteLength(JSON.stringify({ ...input, placements: fitting })) };
};

test('names of the usual length lose nothing', () => {
  const { placements, fitting, bytes } = stateOf(mostServers, 20, 2);
  expect(fitting).toEqual(placements);
  expect(bytes).toBeLessThan(262_144);
});

test('500 servers with long names lose alternates before anything else', () => {
  const { placements, fitting, bytes } = stateOf(mostServers, 64, 2);
  expect(bytes).toBeLessThan(262_144);
  expect(fitting).toEqual(placements.map((placement) => ({ ...placement, alternates: placement.alternates.slice(0, 1) })));
});

test('with the longest names as many servers go on as the state holds, in their order', () => {
  const { placements, fitting, bytes } = stateOf(mostServers, 254, 2);
  expect(bytes).toBeLessThan(262_144);
  expect(bytes).toBeGreaterThan(258_000);
  expect(fitting).toEqual(placements.slice(0, fitting.length).map((placement) => ({ ...placement, alternates: [] })));
});

test('a server that has ended leaves nothing in the state, which would hold that of all of them', () => {
  const processor = readDefinition(workflows.boot).States.EachServer?.ItemProcessor;
  const ends = Object.entries(processor?.States ?? {}).filter(([, { Type, End }]) => Type === 'Succeed' || End === true);
  expect(ends.map(([name]) => name)).toEqual(['BuildOnHost', 'FailInCell', 'BuryServerInCell0', 'NothingToDo', 'LeaveToReaper']);
  for (const [, state] of ends) expect(state.OutputPath).toBeNull();
});
