import { readFileSync } from 'node:fs';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { expect, test } from 'vitest';
import { synthesise } from './synthesis.ts';

const templates = ({ stacks }: CloudAssembly) => Object.fromEntries(stacks.map(({ stackName, template }) => [stackName, template]));

test('a cell is added by one line, and no template but its own changes', () => {
  const text = readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8');
  const changed = text.replace('"cell2"]', '"cell2", "cell3"]');
  const lines = text.split('\n');
  expect(changed.split('\n').filter((line, index) => line !== lines[index])).toHaveLength(1);
  const { 'cellzero-cell3': added, ...others } = templates(synthesise(JSON.parse(changed).context));
  expect(added).toBeDefined();
  expect(others).toEqual(templates(synthesise()));
});

// 204 stacks take a busy machine more than 30 s.
test('with 200 cells, no policy of the control plane is longer', { timeout: 120_000 }, () => {
  const cells = Array.from({ length: 200 }, (_, index) => `cell${index + 1}`);
  const many = templates(synthesise({ cells }));
  expect(Object.keys(many)).toHaveLength(204);
  expect(many['cellzero-control-plane']).toEqual(templates(synthesise())['cellzero-control-plane']);
  expect(many['cellzero-network']).toEqual(templates(synthesise())['cellzero-network']);
});

test('cells are also given with commas between them', () => {
  const { stacks } = synthesise({ cells: 'cell1,cell2' });
  expect(stacks.map(({ stackName }) => stackName)).toEqual(synthesise().stacks.map(({ stackName }) => stackName));
});
