/** What every driver must do, whenever and however often its hosts report: at rest the control plane is the same. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { audit } from '../../../../compute/audit/audit.ts';
import { buildProperty, type Simulation } from '../../../../compute/hosts/drivers/simulated.ts';
import { running } from '../../../../compute/servers/power-states.ts';
import { changeFlavor } from '../../../../database/api/flavors.ts';
import { query } from '../../../../database/data-api/client.ts';
import { blockDeviceColumns } from '../../../../database/servers/columns.ts';
import { createImage } from '../../../../image/images.ts';
import { sendMessage } from '../../../../lambdas/shared/queue.ts';
import { listenToHosts, spawnsOf } from '../../../fixtures/asked-operations.ts';
import type { Cloud, User } from '../../../fixtures/cloud.ts';
import { hostReport } from '../../../fixtures/host-report.ts';
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

    test('a host is asked for the very server that its client wants, whichever host it is, by all ways to it', async () => {
      // Of two servers of a request each may go to the host that neither has, so one host may fail.
      behave({ opensSecrets: true, ...(simulation.reportAfter === undefined && { failingHosts: ['cell1-host1'] }) });
      const asked = listenToHosts();
      const { service } = cloud;
      const { id: imageId } = await createImage(service.api, {
        ...{ name: 'image', diskFormat: 'qcow2', minDisk: 1, minRam: 1, project: null, properties: { os_distro: 'debian' } },
      });
      const image = { id: imageId, properties: { os_distro: 'debian' } };
      const { body: made } = await user.send<{ keypair: { name: string; public_key: string } }>('POST', '/os-keypairs', {
        ...{ body: { keypair: { name: 'key' } }, microversion: 56 },
      });
      const flavorRef = await cloud.newFlavor({ ram: 64 });
      await changeFlavor(service.api, flavorRef, { specs: { 'hw:cpu_policy': 'shared' } });
      await query(service.api, 'update flavors set swap = 64, ephemeral_gb = 1 where flavorid = :flavorRef', { flavorRef });
      const files = [{ path: '/etc/motd', contents: Buffer.from('hello').toString('base64') }];
      const user_data = Buffer.from('#cloud-config').toString('base64');
      const root = { uuid: image.id, source_type: 'image', destination_type: 'local', boot_index: 0, delete_on_termination: true };
      const server = {
        ...{ name: 'Web', imageRef: image.id, flavorRef, networks: 'none', key_name: 'key', user_data, config_drive: true },
        ...{ metadata: { role: 'web' }, tags: ['blue', 'green'], adminPass: 'secret', personality: files, description: 'd' },
        ...{ block_device_mapping_v2: [root, { source_type: 'blank', destination_type: 'local', volume_size: 1, tag: 'data' }] },
        ...{ return_reservation_id: true },
      };
      const sizes = { vcpus: 1, memory_mb: 64, root_gb: 1, ephemeral_gb: 1, swap: 64, extra_specs: { 'hw:cpu_policy': 'shared' } };
      for (const [count, own] of [
        [1, [{ display_name: 'Web', hostname: 'web' }]],
        [2, [1, 2].map((number) => ({ display_name: `Web-${number}`, hostname: `web-${number}` }))],
      ] as const) {
        const { body } = await user.send<{ reservation_id: string }>('POST', '/servers', {
          ...{ body: { server: { ...server, min_count: count, max_count: count } }, microversion: 56 },
        });
        const { reservation_id } = body;
        expect(body).toEqual({ reservation_id: expect.any(String) });
        const { body: found } = await user.send<{ servers: { id: string }[] }>(
          'GET',
          `/servers?reservation_id=${reservation_id}&sort_key=display_name&sort_dir=asc`,
        );
        expect(found.servers).toHaveLength(count);
        for (const [index, { id }] of found.servers.entries()) {
          expect(await user.settled(id)).toMatchObject({ status: 'ACTIVE' });
          const spawns = spawnsOf(asked, id);
          expect(spawns.length).toBeGreaterThan(0);
          for (const { guest, opened } of spawns) {
            expect(guest).toEqual({
              ...{ ...own[index], launch_index: index, reservation_id, availability_zone: 'nova' },
              ...{ project_id: user.projectId, user_id: user.userId, flavor: { flavorid: flavorRef, name: flavorRef, ...sizes } },
              ...{ image, kernel_id: '', ramdisk_id: '', root_device_name: null, config_drive: true, user_data },
              ...{ metadata: { role: 'web' }, tags: ['blue', 'green'], security_groups: ['default'], trusted_certs: null, addresses: [] },
              key: { name: 'key', public_key: made.keypair.public_key },
              system_metadata: expect.objectContaining({ owner_user_name: expect.any(String), image_base_image_ref: image.id }),
              block_device_mappings: [
                expect.objectContaining({ source_type: 'image', boot_index: 0, image_id: image.id }),
                expect.objectContaining({ source_type: 'blank', volume_size: 1, tag: 'data' }),
                expect.objectContaining({ source_type: 'blank', guest_format: 'swap', volume_size: 64 }),
              ],
            });
            expect(Object.keys(guest.block_device_mappings[0] ?? {}).toSorted()).toEqual([...blockDeviceColumns.keys()].toSorted());
            expect(opened).toEqual({ admin_password: 'secret', files });
          }
        }
      }
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

    test('a host that is asked again, because it has started anew, reports the latest attempt', async () => {
      const id = await user.boot();
      await user.settled(id);
      await atRest();
      expect((await user.send('POST', `/servers/${id}/action`, { body: { 'os-stop': null } })).status).toBe(202);
      const started = await hostReport(cloud, id, { about: 'started', power_state: running, sequence: Date.now() });
      await sendMessage(process.env.REPORTS_QUEUE ?? '', started, 0);
      await atRest();
      expect(await user.settled(id)).toMatchObject({ status: 'SHUTOFF', 'OS-EXT-STS:power_state': 4 });
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
