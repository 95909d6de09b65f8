/** Traffic for the tests of properties: boots, burials and deletes that run at the same time, and probes that look at every server meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cloud, ServerBody, User } from '../cloud.ts';

/** What a server is asked to carry, so that a half-written one shows. */
export const carried = { tags: ['blue', 'red'], metadata: { one: '1', two: '2' }, description: 'carried' };

/** The volume of every server. */
export const volume = '22222222-0000-4000-8000-000000000001';

/** Fields of a boot that carries all of it. */
export const fullServer = {
  ...carried,
  block_device_mapping_v2: [
    {
      uuid: 'c1220500-0000-4000-8000-000000000001',
      source_type: 'image',
      destination_type: 'local',
      boot_index: 0,
      delete_on_termination: true,
    },
    { uuid: volume, source_type: 'volume', boot_index: -1, delete_on_termination: true },
  ],
};

/** Tells what is missing of a server in sight; empty when it is whole. */
export function missing(server: ServerBody): string[] {
  const { tags, metadata, description, status, fault } = server;
  const volumes = server['os-extended-volumes:volumes_attached'];
  const problems = Object.entries({ tags, metadata, description }).flatMap(([key, value]) =>
    JSON.stringify(value) === JSON.stringify(carried[key as keyof typeof carried]) ? [] : [`${key} ${JSON.stringify(value)}`],
  );
  if (JSON.stringify(volumes) !== JSON.stringify([{ id: volume, delete_on_termination: true }]))
    problems.push(`volumes ${JSON.stringify(volumes)}`);
  if (status === 'ERROR' && !fault?.message) problems.push('ERROR without a fault');
  if (status === 'ACTIVE' && (server.hostId === '' || server['OS-SRV-USG:launched_at'] === null)) problems.push('ACTIVE without a host');
  if (!['BUILD', 'ACTIVE', 'ERROR'].includes(status)) problems.push(`status ${status}`);
  return problems;
}

/** Makes every call of the Data API wait, some longer than others, so that what comes between two of them is seen. */
export function widenWindows(cloud: Cloud): void {
  const { faults } = cloud.service.dataApi;
  faults.add({ kind: 'slow', milliseconds: 5, sql: (sql) => !sql.includes('instance_mappings m') });
  for (const sql of ['insert into instances', 'delete from build_requests', 'queued_for_delete = true', `vm_state = 'deleted'`]) {
    faults.add({ kind: 'slow', milliseconds: 40, sql });
  }
}

/** A server under watch. */
export interface Watched {
  id: string;
  /** Set before the delete is sent: from then on it may be gone. */
  deleting: boolean;
}

/** Runs probes again and again until the traffic ends; gives what they found wrong. */
export async function watch(traffic: Promise<unknown>, probes: (() => Promise<string[]>)[]): Promise<string[]> {
  let over = false;
  const wrong: string[] = [];
  const running = probes.map(async (probe) => {
    while (!over) {
      wrong.push(...(await probe()));
      await sleep(1);
    }
  });
  await traffic.finally(() => {
    over = true;
  });
  await Promise.all(running);
  return wrong;
}

/** Boots servers one after another, every other one too large for any host, and deletes two of three at different ages. */
export async function bootAndDelete(
  cloud: Cloud,
  user: User,
  tooLarge: string,
  servers: Map<string, Watched>,
  count: number,
): Promise<void> {
  const fits = await cloud.newFlavor({});
  const deletes: Promise<void>[] = [];
  for (let index = 0; index < count; index++) {
    const id = await user.boot({ ...fullServer, flavorRef: index % 2 ? tooLarge : fits });
    const server: Watched = { id, deleting: false };
    servers.set(id, server);
    if (index % 3 < 2) deletes.push(deleteLater(user, server, (index * 37) % 150));
  }
  await Promise.all(deletes);
  await cloud.service.workflow.drain();
}

async function deleteLater(user: User, server: Watched, age: number): Promise<void> {
  await sleep(age);
  server.deleting = true;
  const { status, body } = await user.send('DELETE', `/servers/${server.id}`);
  if (status !== 204) throw new Error(`deleting ${server.id} gave ${status}: ${JSON.stringify(body)}`);
}
