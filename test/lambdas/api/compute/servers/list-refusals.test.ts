/** Queries of a list that are refused, in Nova's words. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';

let cloud: Cloud;
let user: User;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud();
  user = await cloud.newUser();
  admin = await cloud.newUser('admin');
});
afterAll(() => cloud?.stop());

async function refusal(who: User, query: string, microversion = 100): Promise<unknown[]> {
  const { status, body } = await who.send<Record<string, { message: string }>>('GET', `/servers?${query}`, { microversion });
  return [status, ...Object.entries(body).map(([name, { message }]) => `${name}: ${message}`)];
}

describe('a query is refused', () => {
  const regex = (key: string, value: string) => [
    400,
    `badRequest: Invalid input for query parameters ${key}. Value: ${value}. '${value.replaceAll('\\', '\\\\')}' is not a 'regex'`,
  ];
  const limit = (value: string) => [
    400,
    `badRequest: Invalid input for query parameters limit. Value: ${value}. '${value}' does not match '^[0-9]*$'`,
  ];
  const unrecognized = (value: string) =>
    `badRequest: Unrecognized value '${value}', acceptable values are: '0', '1', 'f', 'false', 'n', 'no', 'off', 'on', 't', 'true', 'y', 'yes'`;

  test.each<[string, unknown[], number?]>([
    ['limit=abc', limit('abc')],
    ['limit=-1', limit('-1')],
    ['limit=1.5', limit('1.5')],
    ['limit=', [400, "badRequest: Invalid input for query parameters limit. Value: . '' is too short"]],
    ['marker=nothing', [400, 'badRequest: marker [nothing] not found']],
    ['marker=00000000-0000-4000-8000-000000000000', [400, 'badRequest: marker [00000000-0000-4000-8000-000000000000] not found']],
    ['marker=nothing&sort_key=uuid', [400, 'badRequest: marker [nothing] not found']],
    ['nonsense=1', [400, "badRequest: Additional properties are not allowed ('nonsense' was unexpected)"], 75],
    ['a=1&b=2', [400, "badRequest: Additional properties are not allowed ('a', 'b' were unexpected)"], 100],
    ['name=%5B', regex('name', '[')],
    ['name=', regex('name', '')],
    ['name=*web*', regex('name', '*web*')],
    ['name=a%2A%2A%2A%7B', regex('name', 'a***{')],
    // Back-references, and bounds within bounds, would hold a database for as long as it lets them.
    ['name=^(a*)(a*)(a*)(a*)%5C4%5C3%5C2%5C1$', regex('name', String.raw`^(a*)(a*)(a*)(a*)\4\3\2\1$`)],
    ['name=((a%3F){99}a%3F){99}$', regex('name', '((a?){99}a?){99}$')],
    ['hostname=(%3F%3Dweb)', regex('hostname', '(?=web)'), 90],
    ['tags=%28', regex('tags', '(')],
    ['name=%00', [400, 'badRequest: Invalid input for query parameters: NUL is not a character.']],
    ['status=NONSENSE', [400, 'badRequest: Invalid status value'], 38],
    ['status=DELETED', [403, 'forbidden: Only administrators may list deleted instances']],
    ['all_tenants=1', [403, "forbidden: Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."]],
    ['all_tenants', [403, "forbidden: Policy doesn't allow os_compute_api:servers:index:get_all_tenants to be performed."]],
    ['all_tenants=maybe', [400, unrecognized('maybe')]],
    ['locked=maybe', [400, unrecognized('maybe')]],
    ...['__proto__', 'constructor', 'toString'].flatMap((word): [string, unknown[]][] => [
      [`locked=${word}`, [400, unrecognized(word)]],
      [`all_tenants=${word}`, [400, unrecognized(word)]],
    ]),
    ...['0000', '9999-12-31T23:59:59-14:00', '0001-01-01T00:00:00%2B00:01'].map((time): [string, unknown[]] => [
      `changes-since=${time}`,
      [400, expect.stringMatching(/^badRequest: Invalid input for query parameters changes-since. Value: .* is not a 'date-time'$/)],
    ]),
    ['name=%FF', [400, 'badRequest: Query string is not UTF-8 encoded']],
    ['name=%C3%25A9', [400, 'badRequest: Query string is not UTF-8 encoded']],
    ['%ED%A0%80=x', [400, 'badRequest: Query string is not UTF-8 encoded']],
    [
      'changes-since=yesterday',
      [400, "badRequest: Invalid input for query parameters changes-since. Value: yesterday. 'yesterday' is not a 'date-time'"],
    ],
    [
      'changes-since=2026-02-30',
      [400, "badRequest: Invalid input for query parameters changes-since. Value: 2026-02-30. '2026-02-30' is not a 'date-time'"],
    ],
    [
      'changes-since=2026-01-02&changes-before=2026-01-01',
      [400, 'badRequest: The value of changes-since must be less than or equal to changes-before.'],
    ],
    ['sort_key=host', [403, 'forbidden: Only administrators can sort servers by host']],
    ['sort_key=uuid&sort_dir=up', [400, "badRequest: Invalid input received: Unknown sort direction, must be 'desc' or 'asc'"]],
    ['sort_key=uuid&sort_dir=asc&sort_dir=asc', [400, 'badRequest: Invalid input received: Sort direction size exceeds sort key size']],
    ['sort_key=nonsense', [400, expect.stringMatching(/^badRequest: Invalid input for query parameters sort_key. Value: nonsense. /)]],
    ['sort_key=id', [400, expect.stringMatching(/^badRequest: Invalid input for query parameters sort_key. Value: id. /)], 75],
  ])('to a member: %s', async (query, answer, microversion) => {
    expect(await refusal(user, query, microversion)).toEqual(answer);
  });

  test.each([
    ['metadata=x', [400, 'badRequest: Invalid filter field: metadata.']],
    ['name=a%7B2%2C1%7D', [400, expect.stringMatching(/^badRequest: /)]],
  ])('to an admin: %s', async (query, answer) => {
    expect(await refusal(admin, query)).toEqual(answer);
  });

  test('that begins after a server of another project', async () => {
    const marker = await user.boot();
    expect(await refusal(await cloud.newUser(), `marker=${marker}`)).toEqual([400, `badRequest: marker [${marker}] not found`]);
  });
});
