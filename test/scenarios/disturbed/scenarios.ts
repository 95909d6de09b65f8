/** The requests whose every statement is disturbed. A scenario is what a client does; whatever fails, a client asks again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { User } from '../../fixtures/cloud.ts';

/** What a scenario may use. */
export interface Stage {
  user: User;
  /** A flavor that no host has the capacity for. */
  giant: string;
  /** An anti-affinity group of the user. */
  group: string;
  /** An operator sends a buried server through the boot again, and the reaper takes it on; `fits` says that a host can hold it now. */
  sendAgain(id: string, fits: boolean): Promise<void>;
  /** An image beside the one that servers are booted from, and one that no host can run. */
  image: string;
  foreignImage: string;
}

/** A scenario, and how the simulated hosts behave in it. */
export interface Scenario {
  simulation?: object;
  /** Nova's options that differ from its defaults. */
  settings?: object;
  /** What a client does. Ends when he is done, not when the servers are. */
  run(stage: Stage): Promise<void>;
}

async function boot({ user }: Stage, server: object = {}): Promise<string | undefined> {
  try {
    return await user.boot({ ...server });
  } catch {
    return undefined;
  }
}

/** Deletes until the answer is clear, as a client does; gives up when everything is down, and then the server may live. */
async function remove({ user }: Stage, id: string | undefined): Promise<void> {
  if (id === undefined) return;
  for (let attempt = 0; attempt < 3; attempt++) {
    const { status } = await user.send('DELETE', `/servers/${id}`);
    if (status === 204 || status === 404) return;
    await sleep(20);
  }
}

async function bootAndRemove(stage: Stage, wait: number, server?: object): Promise<void> {
  const id = await boot(stage, server);
  await sleep(wait);
  await remove(stage, id);
}

/** Boots a server and asks for actions of it, each until it is clearly answered or the client gives up. */
async function bootAndAct(stage: Stage, ...actions: object[]): Promise<string | undefined> {
  const id = await boot(stage);
  if (id === undefined) return undefined;
  await stage.user.settled(id).catch(() => undefined);
  for (const body of actions) {
    for (let attempt = 0; attempt < 3; attempt++) {
      const { status } = await stage.user.send('POST', `/servers/${id}/action`, { body });
      if (status !== 503) break;
      await sleep(20);
    }
  }
  return id;
}

/** Changes a server in all that its client keeps of it; what was acknowledged is shown from then on, whenever the server can be read. */
async function change({ user }: Stage, id: string): Promise<void> {
  const shown: Record<string, unknown> = {};
  const changes = [
    ['PUT', '', { server: { name: 'renamed' } }, { name: 'renamed' }],
    ['POST', '/metadata', { metadata: { role: 'web' } }, { metadata: { role: 'web' } }],
    ['PUT', '/tags/blue', undefined, { tags: ['blue'] }],
  ] as const;
  for (const [method, path, body, made] of changes) {
    const { status } = await user.send(method, `/servers/${id}${path}`, { body });
    if (status < 300) Object.assign(shown, made);
    // A later microversion shows a part of a server whose cell does not answer.
    const answer = await user.send<{ server?: object }>('GET', `/servers/${id}`, { microversion: 68 });
    if (answer.status === 200) expect(answer.body.server).toMatchObject(shown);
  }
}

/** Boots what fits nowhere, and has it sent through another boot. */
async function bury(stage: Stage): Promise<string | undefined> {
  const id = await boot(stage, { flavorRef: stage.giant });
  if (id !== undefined) await stage.user.settled(id).catch(() => undefined);
  return id;
}

const cirros = 'c1220500-0000-4000-8000-000000000001';
const rebuild = (imageRef: string) => ({ rebuild: { imageRef, name: 'rebuilt', metadata: { role: 'web' } } });
const dailyBackup = { createBackup: { name: 'backup', backup_type: 'daily', rotation: 1 } };

/** Hosts that report what they end, after the execution has ended. */
const later = { reportAfter: 0 };

const larger = { resize: { flavorRef: '2' } };

/** Boots and their deletes, by name. */
export const boots: Readonly<Record<string, Scenario>> = {
  fits: { run: async (stage) => void (await boot(stage)) },
  'fits nowhere': { run: async (stage) => void (await boot(stage, { flavorRef: stage.giant })) },
  'three at once': { run: async (stage) => void (await boot(stage, { min_count: 3, max_count: 3 })) },
  'three at once fit nowhere': {
    run: async (stage) => void (await boot(stage, { min_count: 3, max_count: 3, flavorRef: stage.giant })),
  },
  'two in a group': {
    async run({ user, group }) {
      const server = { name: 'apart', imageRef: cirros, flavorRef: '1', networks: 'none', min_count: 2, max_count: 2 };
      await user.send('POST', '/servers', { body: { server, 'os:scheduler_hints': { group } } });
    },
  },
  'the first host fails': { simulation: { failingHosts: ['cell1-host1', 'cell2-host1'] }, run: async (stage) => void (await boot(stage)) },
  'all hosts fail': { simulation: { failureChance: 1 }, run: async (stage) => void (await boot(stage)) },
  'deleted at once': { run: (stage) => bootAndRemove(stage, 0) },
  'deleted while it builds': { simulation: { delay: 15 }, run: (stage) => bootAndRemove(stage, 15) },
  'deleted when active': { run: (stage) => bootAndRemove(stage, 80) },
  'deleted when buried': { run: (stage) => bootAndRemove(stage, 80, { flavorRef: stage.giant }) },
  'on a host that reports later': { simulation: later, run: async (stage) => void (await boot(stage)) },
  'the first host reports later that it failed': {
    simulation: { ...later, failingHosts: ['cell1-host1', 'cell2-host1'] },
    run: async (stage) => void (await boot(stage)),
  },
  'all hosts report later that they failed': { simulation: { ...later, failureChance: 1 }, run: async (stage) => void (await boot(stage)) },
  'deleted before its host reports': { simulation: { ...later, reportAfter: 1 }, run: (stage) => bootAndRemove(stage, 80) },
  'deleted on a host that reports later, and twice': {
    simulation: { ...later, doubledReports: true },
    run: (stage) => bootAndRemove(stage, 120),
  },
};

/** What is done to servers that live, or are buried, by name. */
export const changes: Readonly<Record<string, Scenario>> = {
  'stopped on a host that reports later': { simulation: later, run: async (stage) => void (await bootAndAct(stage, { 'os-stop': null })) },
  'paused and suspended on hosts that fail': {
    simulation: { failingOperations: ['pause', 'suspend'] },
    run: async (stage) => void (await bootAndAct(stage, { pause: null }, { suspend: null })),
  },
  'suspended on a host that reports later, and twice, that it failed': {
    simulation: { ...later, doubledReports: true, failingOperations: ['suspend'] },
    run: async (stage) => void (await bootAndAct(stage, { suspend: null })),
  },
  stopped: { run: async (stage) => void (await bootAndAct(stage, { 'os-stop': null })) },
  'made an image of, and a backup': {
    run: async (stage) => void (await bootAndAct(stage, { createImage: { name: 'image' } }, dailyBackup)),
  },
  'made two backups of on a host that reports later, and twice': {
    simulation: { ...later, doubledReports: true },
    run: async (stage) => void (await bootAndAct(stage, dailyBackup, dailyBackup)),
  },
  'made an image of on a host that fails, and deleted': {
    simulation: { failingOperations: ['snapshot'] },
    async run(stage) {
      const id = await bootAndAct(stage, { createImage: { name: 'image' } });
      await remove(stage, id);
    },
  },
  'deleted while an image is made of it': {
    simulation: { ...later, reportAfter: 1 },
    async run(stage) {
      const id = await boot(stage);
      await sleep(80);
      if (id) await stage.user.send('POST', `/servers/${id}/action`, { body: { createImage: { name: 'image' } } });
      await remove(stage, id);
    },
  },
  'resized and confirmed': { run: async (stage) => void (await bootAndAct(stage, larger, { confirmResize: null })) },
  'resized and reverted on hosts that report later, and twice': {
    simulation: { ...later, doubledReports: true },
    run: async (stage) => void (await bootAndAct(stage, larger, { revertResize: null })),
  },
  'resized to a host that fails': {
    simulation: { failingOperations: ['finish_migration'] },
    run: async (stage) => void (await bootAndAct(stage, larger)),
  },
  'resized, and deleted': {
    async run(stage) {
      const id = await bootAndAct(stage, larger);
      await remove(stage, id);
    },
  },
  'deleted while it is resized': {
    simulation: { ...later, reportAfter: 1 },
    async run(stage) {
      const id = await boot(stage);
      await sleep(80);
      if (id) await stage.user.send('POST', `/servers/${id}/action`, { body: larger });
      await remove(stage, id);
    },
  },
  'rebooted hard while it is suspended': {
    run: async (stage) => void (await bootAndAct(stage, { suspend: null }, { reboot: { type: 'HARD' } })),
  },
  'rebuilt with another image, and back': {
    run: async (stage) => void (await bootAndAct(stage, rebuild(stage.image), rebuild(cirros))),
  },
  'rebuilt with another image on a host that reports later, and twice, that it failed': {
    simulation: { ...later, doubledReports: true, failingOperations: ['rebuild'] },
    run: async (stage) => void (await bootAndAct(stage, rebuild(stage.image))),
  },
  'rebuilt when it was stopped, with an image that its host cannot run': {
    run: async (stage) => void (await bootAndAct(stage, { 'os-stop': null }, rebuild(stage.foreignImage))),
  },
  'rescued, and deleted': {
    async run(stage) {
      const id = await bootAndAct(stage, { rescue: null });
      await remove(stage, id);
    },
  },
  'deleted so that it can be restored, and restored': {
    settings: { reclaim_instance_interval: 3_600 },
    async run(stage) {
      const id = await bootAndAct(stage);
      await remove(stage, id);
      if (id) await stage.user.send('POST', `/servers/${id}/action`, { body: { restore: null } });
    },
  },
  'deleted so that it can be restored, on a host that reports later, and then by force': {
    simulation: later,
    settings: { reclaim_instance_interval: 3_600 },
    async run(stage) {
      const id = await bootAndAct(stage);
      await remove(stage, id);
      if (id) await stage.user.send('POST', `/servers/${id}/action`, { body: { forceDelete: null } });
    },
  },
  'changed while it builds, and when active': {
    async run(stage) {
      const id = await boot(stage);
      if (!id) return;
      await change(stage, id);
      await sleep(60);
      await change(stage, id);
    },
  },
  'a second chance that fits': {
    async run(stage) {
      const id = await bury(stage);
      if (id !== undefined) await stage.sendAgain(id, true).catch(() => undefined);
    },
  },
  'a second chance that fits nowhere, changed and deleted meanwhile': {
    async run(stage) {
      const id = await bury(stage);
      if (id === undefined) return;
      await Promise.all([stage.sendAgain(id, false).catch(() => undefined), change(stage, id)]);
      await Promise.all([stage.sendAgain(id, false).catch(() => undefined), remove(stage, id)]);
    },
  },
  'deleted by two': {
    async run(stage) {
      const id = await boot(stage);
      await sleep(10);
      await Promise.all([remove(stage, id), remove(stage, id)]);
    },
  },
};
