/** The life of a server as Terraform sees it. After each change a second plan is empty, so what Terraform asked for is what the API shows. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logIn } from '../../local/demo/client.ts';
import { type Cloud, startCloud } from '../fixtures/cloud.ts';
import { buildProvider, hasTools, openWorkspace, type Workspace } from './terraform.ts';

type Server = Readonly<Record<string, unknown>>;

describe.skipIf(!hasTools())('an instance of Terraform (skipped unless terraform and go are on PATH)', () => {
  let folder: string;
  let cloud: Cloud;
  let workspace: Workspace;
  let servers: () => Promise<readonly Server[]>;
  let attributes: Record<string, unknown> = {
    name: 'first',
    image_name: 'cirros',
    flavor_name: 'm1.tiny',
    metadata: { colour: 'blue', size: '9' },
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cellzero-terraform-'));
    [cloud] = await Promise.all([startCloud(), buildProvider()]);
    const member = await logIn(cloud.service, 'demo');
    servers = async () => (await member.send<{ servers: Server[] }>('GET', '/servers/detail')).body.servers;
    workspace = await openWorkspace(join(folder, 'first'), cloud.service.cloudsFile);
  }, 1_800_000);

  afterAll(async () => {
    await cloud?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Applies changed attributes, sees that a second plan is empty, and returns how many resources were added, changed and destroyed. */
  async function apply(changed: Record<string, unknown> = {}): Promise<string | undefined> {
    attributes = { ...attributes, ...changed };
    await workspace.configure(attributes);
    const printed = await workspace.run('apply', '-auto-approve');
    expect(await workspace.plan()).toBe('none');
    return /Apply complete! Resources: (.*)\./.exec(printed)?.[1];
  }

  it('boots it', async () => {
    expect(await apply()).toBe('1 added, 0 changed, 0 destroyed');
    expect(await servers()).toMatchObject([{ name: 'first', status: 'ACTIVE', metadata: { colour: 'blue', size: '9' } }]);
  });

  it('renames it', async () => {
    expect(await apply({ name: 'second' })).toBe('0 added, 1 changed, 0 destroyed');
    expect(await servers()).toMatchObject([{ name: 'second' }]);
  });

  it('adds, changes and removes metadata', async () => {
    expect(await apply({ metadata: { colour: 'red', shape: 'round' } })).toBe('0 added, 1 changed, 0 destroyed');
    expect(await servers()).toMatchObject([{ metadata: { colour: 'red', shape: 'round' } }]);
  });

  it('sets tags, and replaces them', async () => {
    expect(await apply({ tags: ['one', 'two'] })).toBe('0 added, 1 changed, 0 destroyed');
    expect(await apply({ tags: ['two', 'three'] })).toBe('0 added, 1 changed, 0 destroyed');
    expect(await servers()).toMatchObject([{ tags: ['three', 'two'] }]);
  });

  it.each(['shutoff', 'active', 'paused', 'active'])('brings it to power_state %s', async (state) => {
    expect(await apply({ power_state: state })).toBe('0 added, 1 changed, 0 destroyed');
    expect(await servers()).toMatchObject([{ status: state.toUpperCase() }]);
  });

  it('imports it into a state that knows nothing of it', async () => {
    workspace = await openWorkspace(join(folder, 'second'), cloud.service.cloudsFile);
    await workspace.configure(attributes);
    const [server] = await servers();
    await workspace.run('import', 'openstack_compute_instance_v2.server', `${server?.id}`);
    // No Nova says which of a server's metadata and tags Terraform put there, nor how it is to be deleted.
    expect(await apply()).toBe('0 added, 1 changed, 0 destroyed');
    expect(await servers()).toMatchObject([{ name: 'second', metadata: { colour: 'red', shape: 'round' }, tags: ['three', 'two'] }]);
  });

  it('destroys it at once, as force_delete asks', async () => {
    expect(await apply({ force_delete: true })).toBe('0 added, 1 changed, 0 destroyed');
    expect(await workspace.run('destroy', '-auto-approve')).toContain('Destroy complete! Resources: 1 destroyed.');
    expect(await servers()).toEqual([]);
  });
});
