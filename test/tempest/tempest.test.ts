/** Tempest's tests of servers and what belongs to them: all pass but those in not-passing.ts, and of those none. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { audit } from '../../compute/audit/audit.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { comeToRest } from '../fixtures/rest.ts';
import { notPassing } from './not-passing.ts';
import { installTempest, prepare, type Result, runTempest } from './tempest.ts';

/** What is left out needs another service for every test: images made through Glance, volumes, floating addresses and security groups. */
const modules = ['servers', 'admin', 'flavors', 'keypairs', 'limits', 'test_'];

let folder: string;
let cloud: Cloud;
let results: ReadonlyMap<string, Result>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cellzero-tempest-'));
  const [dataDir, workspace] = [join(folder, 'data'), join(folder, 'workspace')];
  [cloud] = await Promise.all([startCloud({ dataDir }), installTempest()]);
  await prepare({ url: cloud.service.url, dataDir, workspace });
  results = await runTempest(workspace, modules);
}, 900_000);

afterAll(async () => {
  await cloud?.stop();
  await rm(folder, { recursive: true, force: true });
});

const entries = Object.values(notPassing).flat();
const isOf = (name: string, entry: string) => name === entry || name.startsWith(`${entry}.`);
const isListed = (name: string) => entries.some((entry) => isOf(name, entry));

it('passes every test that is not in the file', () => {
  const failed = [...results].filter(([name, { status }]) => status !== 'success' && !isListed(name));
  expect(failed.map(([name, { status, said }]) => `${status} ${name}\n${said}`).sort()).toEqual([]);
  expect([...results.values()].filter(({ status }) => status === 'success').length).toBeGreaterThan(220);
});

it('passes no test that is in the file', () => {
  expect([...results].filter(([name, { status }]) => status === 'success' && isListed(name)).map(([name]) => name)).toEqual([]);
});

it('has run what each line of the file names', () => {
  expect(entries.filter((entry) => ![...results.keys()].some((name) => isOf(name, entry)))).toEqual([]);
});

it('leaves nothing broken, and nothing that is accepted and unfinished', async () => {
  const { api, workflow } = cloud.service;
  await workflow.drain();
  expect(await audit(api, { settled: true })).toMatchObject({ servers: 0, findings: [], unreadable: [] });
  await comeToRest(cloud.service);
  expect(await audit(api, { settled: true })).toMatchObject({ servers: 0, findings: [], pending: [] });
});
