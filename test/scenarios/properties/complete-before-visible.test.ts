import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, type ServerBody, startCloud, type User } from '../../fixtures/cloud.ts';
import { bootAndDelete, fullServer, missing, type ProbedServer, probeDuring, widenWindows } from '../../fixtures/traffic.ts';

let cloud: Cloud;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud();
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());

/** Looks at a server as its owner and as an admin do, by its id and in the listing. */
async function look(user: User, id: string): Promise<string[]> {
  const { status, body } = await user.send<{ server: ServerBody }>('GET', `/servers/${id}`);
  if (status !== 200) return [`GET ${id}: ${status}`];
  const { body: list } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
  const listed = list.servers.find((server) => server.id === id);
  return [body.server, ...(listed ? [listed] : [])].flatMap((server) => missing(server).map((problem) => `${server.status}: ${problem}`));
}

/** The statements of a boot, in their order. */
const bootStatements = {
  'on a host': ['host_states', 'waiting as', "'mappedTo'", 'insert into instances', 'delete from build_requests', "vm_state = 'active'"],
  'in cell0': ['waiting as', "'mappedTo'", 'insert into instances', 'delete from build_requests'],
} as const;

describe('complete before visible', () => {
  test.each(['on a host', 'in cell0'] as const)('between any two calls of its boot a server %s is whole', async (where) => {
    const user = await cloud.newUser();
    const { faults, calls } = cloud.service.dataApi;
    const statements = bootStatements[where];
    const isOfBoot = (sql: string) => statements.some((part) => sql.includes(part)) && !sql.includes('quota_usages');
    const slow = faults.add({ kind: 'slow', milliseconds: 600, sql: isOfBoot });
    const mark = calls.mark();
    const done = () => calls.since(mark).filter(({ sql, endedAt }) => isOfBoot(sql) && endedAt !== undefined).length;

    const id = await user.boot({ ...fullServer, flavorRef: where === 'in cell0' ? tooLarge : '1' });
    const wrong: string[] = [];
    const lookedAfter = new Set<number>();
    while (done() < statements.length) {
      const before = done();
      wrong.push(...(await look(user, id)));
      if (done() === before) lookedAfter.add(before);
    }
    slow.lift();
    await cloud.service.workflow.drain();
    wrong.push(...(await look(user, id)));
    expect(wrong).toEqual([]);
    expect([...lookedAfter]).toEqual(statements.map((_, index) => index));
    expect((await user.settled(id)).status).toBe(where === 'in cell0' ? 'ERROR' : 'ACTIVE');
  });

  test('whatever is booted, buried and deleted at the same time', async () => {
    const users = await Promise.all(Array.from({ length: 3 }, () => cloud.newUser()));
    widenWindows(cloud);
    const probes: (() => Promise<string[]>)[] = [];
    const traffic = users.map((user) => {
      const servers = new Map<string, ProbedServer>();
      probes.push(async () => {
        const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers/detail');
        return body.servers.flatMap((server) => missing(server).map((problem) => `${server.id}: ${problem}`));
      });
      probes.push(async () => {
        const wrong: string[] = [];
        for (const server of servers.values()) {
          const { status, body } = await user.send<{ server: ServerBody }>('GET', `/servers/${server.id}`);
          if (status === 200) wrong.push(...missing(body.server).map((problem) => `${server.id}: ${problem}`));
        }
        return wrong;
      });
      return bootAndDelete(cloud, user, tooLarge, servers, 12);
    });
    expect(await probeDuring(Promise.all(traffic), probes)).toEqual([]);
    cloud.service.dataApi.faults.clear();
  });
});
