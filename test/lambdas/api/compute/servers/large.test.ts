import { afterAll, beforeAll, expect, test } from 'vitest';
import { query } from '../../../../../database/data-api/client.ts';
import { type Cloud, type ServerBody, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let tooLarge: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 2 });
  tooLarge = await cloud.newFlavor({ disk: 10_000 });
});
afterAll(() => cloud?.stop());

/** Metadata of 128 items with keys of 255 characters and values of one character repeated. */
function metadata(character: string, length: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`${index}`.padEnd(255, 'k'), character.repeat(length)]));
}

async function newOwner(): Promise<User> {
  const admin = await cloud.newUser('admin');
  for (const resource of ['instances', 'cores', 'ram']) {
    await query(cloud.service.api, 'insert into quotas (project_id, resource, hard_limit) values (:project, :resource, -1)', {
      project: admin.projectId,
      resource,
    });
  }
  return admin;
}

const large: [string, object][] = [
  ['as large as a body may be', { metadata: metadata('v', 255), user_data: 'A'.repeat(40_000) }],
  ['with the longest user data', { metadata: metadata('v', 100), user_data: 'A'.repeat(65_532) }],
  ['of emoji', { metadata: metadata('\u{1f600}', 120) }],
  ['of quotes', { metadata: metadata('"', 255), user_data: 'A'.repeat(10_000) }],
  ['of backslashes and control characters', { metadata: metadata('\\\u0001', 60) }],
];

test.each(large)('a server %s is shown and listed as it was asked for, on a host and in cell0', async (_, fields) => {
  const owner = await newOwner();
  for (const flavorRef of ['1', tooLarge]) {
    const { user_data = null, ...shown } = fields as { user_data?: string; metadata: object };
    const id = await owner.boot({ ...fields, flavorRef });
    const expected = { id, ...shown, 'OS-EXT-SRV-ATTR:user_data': user_data };
    const building = await owner.send<{ server: ServerBody }>('GET', `/servers/${id}`);
    expect(building.body.server).toMatchObject(expected);
    expect(await owner.settled(id)).toMatchObject(expected);
    const { body } = await owner.send<{ servers: ServerBody[] }>('GET', `/servers/detail?limit=1`);
    expect(body.servers[0]).toMatchObject(expected);
  }
});

test.each([
  ['of letters', 'v'],
  ['of quotes, which grow when they are quoted', '"'],
  ['of characters of three bytes', '日'],
])('many large servers %s fill many answers of the Data API, and are listed whole', async (_, character) => {
  const owner = await newOwner();
  const fields = { metadata: metadata(character, character === 'v' ? 255 : 80), flavorRef: tooLarge, max_count: 45 };
  const first = await owner.boot(fields);
  const list = async () => (await owner.send<{ servers: ServerBody[] }>('GET', '/servers/detail?limit=1000')).body.servers;
  const building = await list();
  expect(building).toHaveLength(45);
  await owner.settled(first);
  await cloud.service.workflow.drain();
  const buried = await list();
  expect(new Set(buried.map(({ id }) => id)).size).toBe(45);
  for (const server of buried) expect(server).toMatchObject({ status: 'ERROR', metadata: fields.metadata });
});

test('servers whose text takes most bytes for its length are buried too', async () => {
  const owner = await newOwner();
  const short = Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`k${index}`, '日'.repeat(255)]));
  const first = await owner.boot({ metadata: short, flavorRef: tooLarge, max_count: 70 });
  await cloud.service.workflow.drain();
  expect((await owner.settled(first)).metadata).toEqual(short);
});
