/** What a person types: the unmodified openstack command, with the clouds.yaml that the service wrote. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { installClient, type OpenStack, openClient, runOnce } from './openstack.ts';

type Row = Record<string, unknown>;

const cirros = 'c1220500-0000-4000-8000-000000000001';
/** The client looks every 5 s when it waits. */
const waits = { timeout: 60_000 };

let cloud: Cloud;
let member: OpenStack;
let admin: OpenStack;

beforeAll(async () => {
  [cloud] = await Promise.all([startCloud(), installClient()]);
  member = openClient(cloud.service.cloudsFile, 'cellzero');
  admin = openClient(cloud.service.cloudsFile, 'cellzero-admin');
}, 600_000);

afterAll(async () => {
  await Promise.all([member?.stop(), admin?.stop()]);
  await cloud?.stop();
});

const named = async (name: string) => (await member.json<Row[]>('server list')).filter(({ Name }) => Name === name);

describe('who and what there is', () => {
  it('token issue', async () => {
    const [mine, theirs] = [await member.json<Row>('token issue'), await admin.json<Row>('token issue')];
    expect(mine).toMatchObject({
      id: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      project_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(theirs.project_id).not.toBe(mine.project_id);
  });

  it('catalog list', async () => {
    const catalog = await member.json<{ Name: string; Type: string; Endpoints: Row[] }[]>('catalog list');
    expect(catalog.map(({ Name, Type }) => `${Name} ${Type}`).sort()).toEqual(['glance image', 'keystone identity', 'nova compute']);
    expect(catalog.flatMap(({ Endpoints }) => Endpoints.map(({ url }) => String(url).startsWith(cloud.service.url)))).not.toContain(false);
  });

  it('flavor list and show, by name and by id', async () => {
    const flavors = await member.json<Row[]>('flavor list');
    expect(flavors.map(({ ID, Name, VCPUs, RAM, Disk }) => [ID, Name, VCPUs, RAM, Disk])).toEqual([
      ['1', 'm1.tiny', 1, 512, 1],
      ['2', 'm1.small', 1, 2_048, 20],
      ['3', 'm1.medium', 2, 4_096, 40],
      ['4', 'm1.large', 4, 8_192, 80],
      ['5', 'm1.xlarge', 8, 16_384, 160],
    ]);
    expect(await member.json<Row>('flavor show m1.small')).toEqual(await member.json<Row>('flavor show 2'));
  });

  it('image list and show, by name and by id', async () => {
    expect(await member.json<Row[]>('image list')).toEqual([{ ID: cirros, Name: 'cirros', Status: 'active' }]);
    expect(await member.json<Row>('image show cirros')).toMatchObject({ id: cirros, status: 'active', visibility: 'public' });
    expect(await member.json<Row>(`image show ${cirros}`)).toMatchObject({ name: 'cirros' });
  });

  it('availability zone list --compute, as member and as admin', async () => {
    const zone = { 'Zone Name': 'nova', 'Zone Status': 'available' };
    expect(await member.json<Row[]>('availability zone list --compute')).toEqual([zone]);
    expect(await admin.json<Row[]>('availability zone list --compute')).toEqual([zone]);
    const hosts = await admin.json<Row[]>('availability zone list --compute --long');
    expect(hosts.map((row) => row['Host Name']).sort()).toEqual(['cell1-host1', 'cell1-host2', 'cell2-host1', 'cell2-host2']);
  });
});

describe('a server that fits', () => {
  let id: string;

  it('server create --wait', waits, async () => {
    const server = await member.json<Row>('server create --image cirros --flavor m1.small --nic none --wait fits');
    expect(server).toMatchObject({ name: 'fits', status: 'ACTIVE', image: `cirros (${cirros})`, flavor: { name: 'm1.small', ram: 2_048 } });
    id = String(server.id);
  });

  it('server list and server list --long', async () => {
    expect(await named('fits')).toEqual([{ ID: id, Name: 'fits', Status: 'ACTIVE', Networks: {}, Image: 'cirros', Flavor: 'm1.small' }]);
    const long = await member.json<Row[]>('server list --long');
    expect(long).toEqual([expect.objectContaining({ ID: id, 'Power State': 1, 'Image ID': cirros, 'Availability Zone': 'nova' })]);
    const all = await admin.json<Row[]>('server list --long --all-projects');
    expect(all).toEqual([expect.objectContaining({ ID: id, Host: expect.stringMatching(/^cell[12]-host[12]$/) })]);
  });

  it('server show, by name and by id', async () => {
    const byName = await member.json<Row>('server show fits');
    expect(byName).toMatchObject({ id, status: 'ACTIVE' });
    // By name the client reads the list, whose servers lack this field.
    expect({ ...byName, server_groups: [] }).toEqual(await member.json<Row>(`server show ${id}`));
  });

  it('server event list and show', async () => {
    const events = await member.json<Row[]>('server event list fits');
    expect(events).toEqual([expect.objectContaining({ 'Server ID': id, Action: 'create' })]);
    const request = String(events[0]?.['Request ID']);
    expect(await member.json<Row>(`server event show ${id} ${request}`)).toMatchObject({ action: 'create', request_id: request });
  });

  it('server delete --wait', waits, async () => {
    expect(await member.run('server delete --wait fits')).toMatchObject({ code: 0 });
    expect(await named('fits')).toEqual([]);
    expect(await member.run(`server show ${id}`)).toMatchObject({ code: 1, err: expect.stringContaining(id) });
  });
});

it('server create --min 1 --max 3 makes three, deleted by name and by id', async () => {
  const first = await member.json<Row>('server create --image cirros --flavor m1.small --nic none --min 1 --max 3 many');
  const servers = (await member.json<Row[]>('server list')).toSorted((a, b) => String(a.Name).localeCompare(String(b.Name)));
  expect(servers.map(({ Name }) => Name)).toEqual(['many-1', 'many-2', 'many-3']);
  expect(servers[0]?.ID).toBe(first.id);
  expect(await member.run(`server delete many-1 many-2 ${servers[2]?.ID}`)).toMatchObject({ code: 0 });
  expect(await member.json<Row[]>('server list')).toEqual([]);
});

it('server create with --property, --tag and --user-data', async () => {
  const userData = join(cloud.service.cloudsFile, '..', 'user-data');
  await writeFile(userData, '#!/bin/sh\n');
  const extras = `--property colour=blue --property size=9 --tag first --tag second --user-data ${userData} --description worded`;
  const created = await member.json<Row>(
    `--os-compute-api-version 2.90 server create --image ${cirros} --flavor 1 --nic none ${extras} dressed`,
  );
  await cloud.service.workflow.drain();
  const expected = { properties: { colour: 'blue', size: '9' }, tags: ['first', 'second'], description: 'worded' };
  expect(await member.json<Row>('server show dressed')).toMatchObject(expected);
  const whole = await admin.json<Row>(`server show ${created.id}`);
  expect(whole).toMatchObject({ ...expected, 'OS-EXT-SRV-ATTR:user_data': Buffer.from('#!/bin/sh\n').toString('base64') });
  expect(await member.run('server delete dressed')).toMatchObject({ code: 0 });
});

describe('a server that lives', () => {
  const shown = () => member.json<Row>('server show lives');
  /** An action is accepted first; most clients wait until the server has the status that it leads to. */
  const becomes = (status: string) => expect.poll(async () => (await shown()).status, { timeout: 10_000 }).toBe(status);

  it('server create --wait', waits, async () => {
    await member.json<Row>('server create --image cirros --flavor m1.tiny --nic none --wait lives');
  });

  it.each([
    ['server stop', 'SHUTOFF'],
    ['server start', 'ACTIVE'],
    ['server reboot --wait', 'ACTIVE'],
    ['server reboot --hard --wait', 'ACTIVE'],
    ['server pause', 'PAUSED'],
    ['server unpause', 'ACTIVE'],
    ['server suspend', 'SUSPENDED'],
    ['server resume', 'ACTIVE'],
    ['server rescue', 'RESCUE'],
    ['server unrescue', 'ACTIVE'],
  ])('%s makes it %s', waits, async (command, status) => {
    expect(await member.run(`${command} lives`)).toMatchObject({ code: 0, err: '' });
    await becomes(status);
  });

  it(
    'server image create --wait and server backup create --wait make images, of which a server is made, and image delete deletes',
    waits,
    async () => {
      const image = await member.json<Row>('server image create --wait --name golden --property colour=red lives');
      expect(image).toMatchObject({ name: 'golden', status: 'active', visibility: 'private' });
      expect(image.properties).toMatchObject({ image_type: 'snapshot', colour: 'red', base_image_ref: cirros });
      for (const name of ['first', 'second']) {
        expect(await member.json<Row>(`server backup create --wait --name ${name} --type daily --rotate 1 lives`)).toMatchObject({ name });
      }
      const images = await member.json<Row[]>('image list --private');
      expect(images.map(({ Name }) => Name).toSorted()).toEqual(['golden', 'second']);
      expect(await member.json<Row[]>('image list --property image_type=snapshot')).toEqual([expect.objectContaining({ Name: 'golden' })]);
      expect(await member.json<Row>('server create --image golden --flavor m1.tiny --nic none --wait copy')).toMatchObject({
        status: 'ACTIVE',
      });
      expect(await member.run('image delete golden second')).toMatchObject({ code: 0, err: '' });
      expect(await member.run('server delete --wait copy')).toMatchObject({ code: 0 });
    },
  );

  it('server rebuild --wait, of the same image and of another one', waits, async () => {
    expect(await member.run('server rebuild --wait lives')).toMatchObject({ code: 0, out: expect.stringMatching(/^Complete\n/), err: '' });
    const other = await cloud.newImage();
    const options = `--image ${other} --password mine --description anew --property role=web --user-data ${cloud.service.cloudsFile} --hostname rebuilt`;
    expect(await member.json<Row>(`server rebuild ${options} lives`)).toMatchObject({ adminPass: 'mine' });
    await becomes('ACTIVE');
    expect(await shown()).toMatchObject({
      description: 'anew',
      properties: { role: 'web' },
      image: expect.stringContaining(other),
    });
  });

  it('console log show, and server dump create', async () => {
    expect(await member.run('console log show lives')).toMatchObject({ code: 0, err: '' });
    expect(await member.run('server dump create lives')).toMatchObject({ code: 0, err: '' });
  });

  it('server lock --reason keeps its owner from acting, until server unlock', async () => {
    expect(await member.run('server lock --reason upgrade lives')).toMatchObject({ code: 0, err: '' });
    expect(await shown()).toMatchObject({ locked: true, locked_reason: 'upgrade' });
    expect(await member.run('server stop lives')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/409: .*Instance \S+ is locked/),
    });
    expect(await member.run('server unlock lives')).toMatchObject({ code: 0, err: '' });
    expect(await shown()).toMatchObject({ locked: false, status: 'ACTIVE' });
  });

  it("a wrong state is refused in Nova's words", async () => {
    const { code, err } = await member.run('server start lives');
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/Cannot 'start' instance \S+ while it is in vm_state active/) });
  });

  it('server set --state, as admin', async () => {
    const { id } = await shown();
    expect(await member.run('server set --auto-approve --state error lives')).toMatchObject({
      code: 1,
      err: expect.stringContaining('403'),
    });
    expect(await admin.run(`server set --auto-approve --state error ${id}`)).toMatchObject({ code: 0, err: '' });
    expect(await shown()).toMatchObject({ status: 'ERROR' });
  });

  it('server event list has every action, the newest first', async () => {
    const events = await member.json<Row[]>('server event list lives');
    expect(events.map(({ Action }) => Action).reverse()).toEqual([
      ...['create', 'stop', 'start', 'reboot', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue'],
      ...['createImage', 'createBackup', 'createBackup', 'rebuild', 'rebuild'],
      ...['trigger_crash_dump', 'lock', 'unlock', 'resetState'],
    ]);
  });

  it('server delete --wait', waits, async () => {
    expect(await member.run('server delete --wait lives')).toMatchObject({ code: 0 });
  });
});

describe('a server that is changed', () => {
  const shown = () => member.json<Row>('server show changed');

  it('server create --wait', waits, async () => {
    await member.json<Row>('server create --image cirros --flavor m1.tiny --nic none --wait before');
  });

  it('server set: name, description, properties and tags', async () => {
    const set = 'server set --name changed --description worded --property colour=blue --property size=9 --tag one --tag two before';
    expect(await member.run(set)).toMatchObject({ code: 0, err: '' });
    expect(await shown()).toMatchObject({
      name: 'changed',
      description: 'worded',
      properties: { colour: 'blue', size: '9' },
      tags: ['one', 'two'],
    });
  });

  it('server unset: description, properties and tags', async () => {
    expect(await member.run('server unset --description --property size --tag one changed')).toMatchObject({ code: 0, err: '' });
    expect(await shown()).toMatchObject({ description: '', properties: { colour: 'blue' }, tags: ['two'] });
  });

  it('server set --hostname', async () => {
    expect(await member.run('server set --hostname host.example.org changed')).toMatchObject({ code: 0, err: '' });
    expect(await shown()).toMatchObject({ 'OS-EXT-SRV-ATTR:hostname': 'host.example.org' });
  });

  it('server delete --wait', waits, async () => {
    expect(await member.run('server delete --wait changed')).toMatchObject({ code: 0 });
  });
});

describe('a server that fits nowhere', () => {
  it('flavor create and show, as admin only', async () => {
    const create = 'flavor create --vcpus 1 --ram 64 --disk 1000 --id giant giant';
    expect(await member.run(create)).toMatchObject({ code: 1, err: expect.stringContaining('403') });
    expect(await admin.json<Row>(create)).toMatchObject({ id: 'giant', disk: 1_000, 'os-flavor-access:is_public': true });
    expect(await admin.json<Row>('flavor show giant')).toMatchObject({ vcpus: 1, ram: 64 });
  });

  it('server create --wait fails and says so', waits, async () => {
    const { code, err } = await member.run('server create --image cirros --flavor giant --nic none --wait buried');
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining('Error creating server: buried') });
  });

  it('server show has the sentence for its owner and the whole reason for the admin', async () => {
    const mine = await member.json<{ id: string; status: string; fault: Row }>('server show buried');
    expect(mine).toMatchObject({ status: 'ERROR', fault: { code: 500, message: 'No valid host was found. ' } });
    expect(mine.fault).not.toHaveProperty('details');
    const theirs = await admin.json<{ fault: Row }>(`server show ${mine.id}`);
    expect(theirs.fault.details).toContain('DISK_GB');
    expect(await named('buried')).toEqual([expect.objectContaining({ ID: mine.id, Status: 'ERROR' })]);
    expect(await member.json<Row[]>('server event list --long buried')).toEqual([
      expect.objectContaining({ Action: 'create', Message: 'Error' }),
    ]);
  });

  it('server set: its name and description, and nothing that Nova refuses there', async () => {
    expect(await member.run('server set --name lost --description worded buried')).toMatchObject({ code: 0, err: '' });
    for (const [option, action] of [
      ['--property colour=blue', 'update metadata'],
      ['--tag one', 'update tag'],
    ]) {
      const refusal = expect.stringMatching(`Cannot '${action}' instance .* while it is in vm_state error`);
      expect(await member.run(`server set ${option} lost`)).toMatchObject({ code: 1, err: refusal });
    }
    expect(await member.json<Row>('server show lost')).toMatchObject({ description: 'worded', properties: {}, tags: [], status: 'ERROR' });
  });

  it('server delete --wait, and flavor delete', waits, async () => {
    expect(await member.run('server delete --wait lost')).toMatchObject({ code: 0 });
    expect(await member.json<Row[]>('server list')).toEqual([]);
    expect(await admin.run('flavor delete giant')).toMatchObject({ code: 0 });
    expect(await admin.run('flavor show giant')).toMatchObject({ code: 1 });
  });
});

it('works the same in a process of its own', async () => {
  const printed = await runOnce(cloud.service.cloudsFile, 'cellzero', 'flavor list -f value -c Name');
  expect(printed.trim().split('\n')).toEqual(['m1.tiny', 'm1.small', 'm1.medium', 'm1.large', 'm1.xlarge']);
});
