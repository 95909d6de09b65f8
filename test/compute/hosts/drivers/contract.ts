/** What every driver must do, whenever and however often its hosts report: at rest the control plane is the same. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../../../compute/audit/audit.ts';
import { buildProperty, type Simulation } from '../../../../compute/hosts/drivers/simulated.ts';
import { query } from '../../../../database/data-api/client.ts';
import { createImage } from '../../../../image/images.ts';
import type { Cloud, User } from '../../../fixtures/cloud.ts';
import { comeToRest } from '../../../fixtures/rest.ts';

/** Runs the contract in a cloud of one cell with three simulated hosts, which behave as it says. */
export function contract(name: string, simulation: Partial<Simulation>, cloudOfTheFile: () => Cloud): void {
  describe(name, () => {
    let cloud: Cloud;
    let user: User;
    beforeEach(async () => {
      cloud = cloudOfTheFile();
      behave({});
      user = await cloud.newUser();
    });
    afterEach(async () => {
      await atRest();
      expect((await audit(cloud.service.api, { settled: true })).findings).toEqual([]);
      // What one test leaves would fill the hosts of the next.
      behave({ reportAfter: null });
      const { body } = await user.send<{ servers: { id: string }[] }>('GET', '/servers');
      for (const { id } of body.servers) await user.send('DELETE', `/servers/${id}`);
    });
    afterAll(() => {
      delete process.env.SIMULATION;
    });

    const behave = (more: Partial<Simulation>) => {
      process.env.SIMULATION = JSON.stringify({ ...simulation, ...more });
    };
    /** Every report has come, and all that is left is done. */
    const atRest = async () => {
      await expect.poll(() => cloud.service.reports.nextAt(), { timeout: 20_000 }).toBeUndefined();
      await comeToRest(cloud.service);
    };
    const allocations = async (id: string) =>
      (await query<{ used: number }>(cloud.service.api, 'select used from allocations where consumer_id = :id::uuid', { id })).length;
    const quotaUsed = async () => {
      const { body } = await user.send<{ limits: { absolute: { totalInstancesUsed: number } } }>('GET', '/limits');
      return body.limits.absolute.totalInstancesUsed;
    };

    test('a server that its host starts is ACTIVE, once', async () => {
      const id = await user.boot();
      expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null, 'OS-EXT-STS:power_state': 1 });
      await atRest();
      expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
      expect(await allocations(id)).toBe(3);
    });

    test('a server whose host fails is started on another', async () => {
      behave({ failingHosts: ['cell1-host1', 'cell1-host2'] });
      const ids = await Promise.all([user.boot(), user.boot(), user.boot()]);
      for (const id of ids) expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
      await atRest();
      const admin = await cloud.newUser('admin');
      for (const id of ids) {
        const { body } = await admin.send<{ server: Record<string, string> }>('GET', `/servers/${id}`);
        expect(body.server['OS-EXT-SRV-ATTR:host']).toBe('cell1-host3');
      }
    });

    test('a server that all its hosts fail is in ERROR in its cell, without a place', async () => {
      behave({ failureChance: 1 });
      const id = await user.boot();
      const { status, fault } = await user.settled(id);
      expect([status, fault?.message]).toEqual(['ERROR', expect.stringMatching('^Exceeded maximum number of retries')]);
      await atRest();
      expect(await allocations(id)).toBe(0);
    });

    test('a server that no host can start is tried on one', async () => {
      const { id: image } = await createImage(cloud.service.api, {
        ...{ name: 'of no use', diskFormat: 'qcow2', minDisk: 0, minRam: 0, project: null, properties: { [buildProperty]: 'abort' } },
      });
      const id = await user.boot({ imageRef: image });
      const { status, fault } = await user.settled(id);
      expect([status, fault?.message]).toEqual(['ERROR', `Build of instance ${id} aborted: The image cannot be used.`]);
      await atRest();
      expect(await allocations(id)).toBe(0);
    });

    test('an action ends as its host reports, and so does the next one', async () => {
      const id = await user.boot();
      await user.settled(id);
      for (const [action, status, powerState] of [
        ['os-stop', 'SHUTOFF', 4],
        ['os-start', 'ACTIVE', 1],
        ['pause', 'PAUSED', 3],
      ] as const) {
        expect((await user.send('POST', `/servers/${id}/action`, { body: { [action]: null } })).status).toBe(202);
        const left = { status, 'OS-EXT-STS:task_state': null, 'OS-EXT-STS:power_state': powerState };
        expect(await user.settled(id)).toMatchObject(left);
        // The report of before, which comes a second time by now, is of another task.
        await atRest();
        expect(await user.settled(id)).toMatchObject(left);
      }
      const { body } = await user.send<{ instanceActions: { action: string; message: unknown }[] }>(
        'GET',
        `/servers/${id}/os-instance-actions`,
      );
      expect(body.instanceActions.map(({ action, message }) => [action, message])).toEqual([
        ['pause', null],
        ['start', null],
        ['stop', null],
        ['create', null],
      ]);
    });

    test('a delete takes the place of an action whose host has yet to report', async () => {
      const id = await user.boot();
      await user.settled(id);
      expect((await user.send('POST', `/servers/${id}/action`, { body: { 'os-stop': null } })).status).toBe(202);
      expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
      expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
      await expect.poll(() => allocations(id), { timeout: 20_000 }).toBe(0);
    });

    test('a deleted server is gone at once with its quota, and its place is free when its host has ended it', async () => {
      const id = await user.boot();
      await user.settled(id);
      await atRest();
      expect(await quotaUsed()).toBe(1);
      expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
      expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
      expect(await quotaUsed()).toBe(0);
      if (simulation.reportAfter !== 0) expect(await allocations(id)).toBe(simulation.reportAfter ? 3 : 0);
      await expect.poll(() => allocations(id), { timeout: 20_000 }).toBe(0);
    });

    test('a server that is deleted while its host starts it is ended there', async () => {
      const id = await user.boot();
      await cloud.service.workflow.drain();
      expect((await user.send('DELETE', `/servers/${id}`)).status).toBe(204);
      await expect.poll(() => allocations(id), { timeout: 20_000 }).toBe(0);
      await atRest();
      expect((await user.send('GET', `/servers/${id}`)).status).toBe(404);
      expect(await quotaUsed()).toBe(0);
    });
  });
}
