import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, type ServerBody, startCloud } from '../../fixtures/cloud.ts';
import { bootAndDelete, type ProbedServer, probeDuring, widenWindows } from '../../fixtures/traffic.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud?.stop());

test('never lost: until its delete, a server is shown by its id and stands exactly once in a full listing', async () => {
  const tooLarge = await cloud.newFlavor({ disk: 10_000 });
  const users = await Promise.all(Array.from({ length: 3 }, () => cloud.newUser()));
  widenWindows(cloud);
  const probes: (() => Promise<string[]>)[] = [];
  let looks = 0;
  const traffic = users.map((user) => {
    const servers = new Map<string, ProbedServer>();
    probes.push(
      async () => {
        const wrong: string[] = [];
        for (const server of [...servers.values()].filter(({ deleting }) => !deleting)) {
          const { status } = await user.send('GET', `/servers/${server.id}`);
          looks += 1;
          if (status !== 200 && !server.deleting) wrong.push(`GET ${server.id}: ${status}`);
        }
        return wrong;
      },
      ...['/servers', '/servers/detail', '/servers?sort_key=display_name', '/servers/detail?name=.'].map((path) => async () => {
        const expected = [...servers.values()].filter(({ deleting }) => !deleting);
        const { status, body } = await user.send<{ servers: ServerBody[] }>('GET', path);
        looks += 1;
        if (status !== 200) return [`GET ${path}: ${status}`];
        const ids = body.servers.map(({ id }) => id);
        return expected.flatMap(({ id, deleting }) => {
          const times = ids.filter((listed) => listed === id).length;
          return times === 1 || (deleting && times === 0) ? [] : [`${path} lists ${id} ${times} times`];
        });
      }),
    );
    return bootAndDelete(cloud, user, tooLarge, servers, 12);
  });
  expect(await probeDuring(Promise.all(traffic), probes)).toEqual([]);
  expect(looks).toBeGreaterThan(200);
});
