import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { type Answer, badField, badRequest, expectNothing, good, sendRaw } from '../raw-requests.ts';

let cloud: Cloud;
let user: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 1, hosts: 1 });
  user = await cloud.newUser();
});
afterAll(() => cloud?.stop());
afterEach(() => expectNothing(user));

function post(server: object, microversion = 100, beside: object = {}): Promise<Answer> {
  const body = JSON.stringify({ server, ...beside });
  return sendRaw(cloud, user, 'POST', '/servers', body, { 'OpenStack-API-Version': `compute 2.${microversion}` });
}

describe('a field', () => {
  const tooLong = 'x'.repeat(256);
  const name = "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.";
  test.each<[object, object]>([
    [{ name: undefined }, badRequest(expect.stringContaining("'name' is a required property"))],
    [{ name: '' }, badField('name', '', "'' is too short")],
    [{ name: tooLong }, badRequest(expect.stringMatching(/^Invalid input for field\/attribute name\. .* is too long$/))],
    [{ name: '日'.repeat(256) }, badRequest(expect.stringMatching(/ is too long$/))],
    [{ name: 5 }, badField('name', '5', "5 is not of type 'string'")],
    [{ name: null }, badField('name', 'None', "None is not of type 'string'")],
    [{ name: ' n' }, badRequest(name)],
    [{ name: 'n\u00a0' }, badRequest(name)],
    [{ name: 'a\tb' }, badRequest(name)],
    [{ name: '\u{1f600}'.repeat(255) }, badRequest(name)],
    [{ name: 'a\u200bb' }, badRequest(name)],
    [{ flavorRef: undefined }, badRequest(expect.stringContaining("'flavorRef' is a required property"))],
    [{ flavorRef: 'unknown' }, badRequest('Flavor unknown could not be found.')],
    [{ flavorRef: 'http://host/flavors/unknown' }, badRequest('Flavor unknown could not be found.')],
    [{ flavorRef: '' }, badRequest(expect.stringContaining('flavorRef'))],
    [{ flavorRef: 4711 }, badRequest('Flavor 4711 could not be found.')],
    [{ flavorRef: 1e300 }, badRequest(expect.stringContaining('could not be found.'))],
    [{ imageRef: '00000000-0000-4000-8000-000000000000' }, badRequest('Can not find requested image')],
    [{ imageRef: 'cirros' }, badField('imageRef', 'cirros', "'cirros' is not valid under any of the given schemas")],
    [{ imageRef: '' }, badRequest('Missing imageRef attribute')],
    [{ imageRef: undefined }, badRequest('Missing imageRef attribute')],
    [{ min_count: 2, max_count: 1 }, badRequest('min_count must be <= max_count')],
    [{ min_count: '2', max_count: '1' }, badRequest('min_count must be <= max_count')],
    [{ min_count: 0 }, badField('min_count', '0', '0 is less than the minimum of 1')],
    [{ max_count: '0' }, badField('max_count', '0', '0 is less than the minimum of 1')],
    [{ min_count: -1 }, badField('min_count', '-1', '-1 is less than the minimum of 1')],
    [{ min_count: 'two' }, badField('min_count', 'two', "'two' does not match '^[0-9]*$'")],
    [{ min_count: '' }, badRequest(expect.stringContaining('min_count'))],
    [{ min_count: 1.5 }, badField('min_count', '1.5', "1.5 is not of type 'integer', 'string'")],
    [{ min_count: null }, badField('min_count', 'None', "None is not of type 'integer', 'string'")],
    [{ max_count: true }, badField('max_count', 'True', "True is not of type 'integer', 'string'")],
    [{ metadata: { a: 'x'.repeat(256) } }, badRequest(expect.stringMatching(/^Invalid input for field\/attribute a\. .* is too long$/))],
    [{ metadata: { ['k'.repeat(256)]: 'x' } }, badRequest(expect.stringContaining('does not match any of the regexes'))],
    [{ metadata: { 'k!': 'x' } }, badRequest(expect.stringContaining("'k!' does not match any of the regexes"))],
    [{ metadata: { '': 'x' } }, badRequest(expect.stringContaining('does not match any of the regexes'))],
    [{ metadata: { a: 1 } }, badField('a', '1', "1 is not of type 'string'")],
    [{ metadata: { a: null } }, badField('a', 'None', "None is not of type 'string'")],
    [{ metadata: [] }, badRequest(expect.stringContaining("is not of type 'object'"))],
    [{ user_data: 'A' }, badField('user_data', 'A', "'A' is not a 'base64'")],
    [{ user_data: 'A'.repeat(65_536) }, badRequest(expect.stringMatching(/ is too long$/))],
    [{ user_data: null }, badField('user_data', 'None', "None is not of type 'string'")],
    [{ accessIPv4: '300.0.0.1' }, badRequest(expect.stringContaining('accessIPv4'))],
    [{ accessIPv4: '' }, badRequest(expect.stringContaining('accessIPv4'))],
    [{ accessIPv6: '192.0.2.1' }, badRequest(expect.stringContaining('accessIPv6'))],
    [{ config_drive: 'maybe' }, badRequest(expect.stringContaining("'maybe' is not one of [True, 'True',"))],
    [{ config_drive: 1 }, badRequest(expect.stringContaining('config_drive'))],
    [{ 'OS-DCF:diskConfig': 'auto' }, badField('OS-DCF:diskConfig', 'auto', "'auto' is not one of ['AUTO', 'MANUAL']")],
    [{ tags: ['a,b'] }, badRequest(expect.stringContaining("does not match '^[^,/]*$'"))],
    [{ tags: ['x'.repeat(61)] }, badRequest(expect.stringContaining('is too long'))],
    [{ tags: [''] }, badRequest(expect.stringContaining('is too short'))],
    [{ tags: Array.from({ length: 51 }, String) }, badRequest(expect.stringContaining('is too long'))],
    [{ description: 'x'.repeat(256) }, badRequest(expect.stringContaining('is too long'))],
    [{ description: 'a\nb' }, badRequest(expect.stringContaining('description'))],
    [{ hostname: 'a b' }, badRequest(expect.stringContaining('hostname'))],
    [{ hostname: 'name', max_count: 2 }, badRequest('Unable to allocate a single hostname to multiple instances')],
    [{ availability_zone: 'mars' }, badRequest('The requested availability zone is not available')],
    [{ availability_zone: 'a:b:c:d' }, badRequest('Invalid input received: Unable to parse availability_zone')],
    [{ availability_zone: '' }, badRequest(expect.stringContaining('availability_zone'))],
    [{ key_name: 'mine' }, badRequest('Invalid key_name provided.')],
    [{ security_groups: [{ name: tooLong }] }, badRequest(expect.stringContaining('is too long'))],
    [{ security_groups: [{ name: 'default' }, { name: 'web' }] }, badRequest("Unable to find security_group with name or id 'web'")],
    [{ security_groups: 'default' }, badRequest(expect.stringContaining("is not of type 'array'"))],
    [{ trusted_image_certificates: [] }, badRequest(expect.stringContaining('is too short'))],
    [{ trusted_image_certificates: ['a', 'a'] }, badRequest(expect.stringContaining('trusted_image_certificates'))],
    [{ personality: [] }, badRequest(expect.stringContaining("'personality' was unexpected"))],
    [{ unknown: 1, other: 2 }, badRequest(expect.stringContaining("('unknown', 'other' were unexpected)"))],
    [{ constructor: 1 }, badRequest(expect.stringContaining("'constructor' was unexpected"))],
  ])('that is wrong: %j', async (wrong, answer) => {
    expect(await post({ ...good, ...wrong })).toEqual(answer);
  });

  const network = '11111111-0000-4000-8000-000000000001';
  test.each<[unknown, object, number]>([
    [undefined, badRequest(expect.stringContaining("'networks' is a required property")), 37],
    ['some', badField('networks', 'some', "'some' is not valid under any of the given schemas"), 100],
    ['none', badField('networks', 'none', "'none' is not of type 'array'"), 36],
    [[{ uuid: network }], badRequest(`Network ${network} could not be found.`), 100],
    [[{ uuid: network }], badRequest(`Network ${network} could not be found.`), 1],
    [[{ uuid: network }, { uuid: good.imageRef }], badRequest(`Network ${network}, ${good.imageRef} could not be found.`), 100],
    [[{ uuid: good.imageRef }, { port: network }], badRequest(`Port id ${network} could not be found.`), 100],
    [[{ port: network }], badRequest(`Port id ${network} could not be found.`), 100],
    [[{ uuid: 'x' }], badRequest('Bad networks format: network uuid is not in proper format (x)'), 36],
    [[{ uuid: 'x' }], badField('uuid', 'x', "'x' is not a 'uuid'"), 37],
    [[{}], badRequest("Bad network format: missing 'uuid'"), 100],
    [[{ uuid: network, tag: 'a' }], badRequest(expect.stringContaining("'tag' was unexpected")), 31],
    [[{ uuid: network, tag: 'a' }], badRequest(`Network ${network} could not be found.`), 33],
    [[{ uuid: network, tag: 'a' }], badRequest(expect.stringContaining('is not valid under any of the given schemas')), 41],
    [[{ uuid: network, tag: 'a' }], badRequest(`Network ${network} could not be found.`), 42],
    [[{ port: network }, { port: network }], badRequest(expect.stringContaining('was specified twice')), 100],
    [[{ port: network, fixed_ip: '192.0.2.1' }], badRequest(expect.stringContaining('the two cannot be specified together')), 100],
  ])('networks %j gets %o at 2.%i', async (networks, answer, microversion) => {
    expect(await post({ ...good, networks }, microversion)).toEqual(answer);
  });

  const root = { source_type: 'image', uuid: good.imageRef, destination_type: 'local', boot_index: 0 };
  const device = (details: string) => badRequest(`Block Device Mapping is Invalid: ${details}`);
  test.each<[object[], object, number?]>([
    [[{ source_type: 'volume' }], device('Missing device UUID.')],
    [[{ source_type: 'blank', uuid: 'x' }], device('Invalid device UUID.')],
    [[{ uuid: 'x' }], device('Some required fields are missing')],
    [
      [{ source_type: 'image', uuid: good.imageRef, destination_type: 'local', boot_index: 1 }],
      device('Mapping image to local is not supported.'),
    ],
    [
      [{ source_type: 'volume', uuid: 'x', volume_type: 'fast', boot_index: 0 }],
      device('Specifying volume type to existing volume is not supported.'),
    ],
    [
      [{ source_type: 'blank', destination_type: 'volume', volume_size: 1, boot_index: 1 }],
      device('Boot sequence for the instance and image/block device mapping combination is not valid.'),
    ],
    [
      [{ source_type: 'image', uuid: good.imageRef, destination_type: 'volume', boot_index: 0 }],
      badRequest("Images with destination_type 'volume' need to have a non-zero size specified"),
    ],
    [
      [root, { source_type: 'blank', destination_type: 'volume' }],
      badRequest("Blank volumes (source: 'blank', dest: 'volume') need to have non-zero size"),
    ],
    [[root, { source_type: 'volume', uuid: 'x' }], badRequest('Volume x could not be found.')],
    [[{ source_type: 'volume', uuid: 'x', boot_index: 0 }], badRequest('Volume x could not be found.')],
    [[root, { source_type: 'snapshot', uuid: 'x' }], device('failed to get snapshot x.')],
    [
      [root, { source_type: 'image', uuid: network, destination_type: 'volume', volume_size: 1 }],
      device(`failed to get image ${network}.`),
    ],
    [[root, { source_type: 'image', uuid: 'x', destination_type: 'volume', volume_size: 1 }], device('failed to get image x.')],
    [[{ ...root, virtual_name: 'swap' }], device('Following fields are invalid: virtual_name')],
    [
      [root, { source_type: 'blank', destination_type: 'volume', volume_size: 1, volume_type: 'fast' }],
      badRequest('Volume type fast could not be found.'),
    ],
    [[{ ...root, disk_bus: 'floppybus' }], badRequest('Block Device Mapping is Invalid.')],
    [[{ ...root, device_type: 'tape' }], device('Field value tape is invalid.')],
    [
      [root, { source_type: 'blank', destination_type: 'volume', volume_size: 1, device_name: 'vda' }],
      badRequest('The volume cannot be assigned the same device name as the root device vda'),
    ],
    [[{ source_type: 'volume', uuid: 'x', volume_size: 0 }], badField('volume_size', '0', '0 is less than the minimum of 1')],
    [
      [{ source_type: 'volume', uuid: 'x', volume_size: 1e10 }],
      badRequest(expect.stringContaining('is greater than the maximum of 2147483647')),
    ],
    [
      [{ source_type: 'volume', uuid: 'x', boot_index: -2_147_483_649 }],
      badField('boot_index', '-2147483649', '-2147483649 is less than the minimum of -2147483648'),
    ],
    [
      [{ source_type: 'volume', uuid: 'x', boot_index: '2147483648' }],
      badField('boot_index', '2147483648', '2147483648 is greater than the maximum of 2147483647'),
    ],
    [[{ source_type: 'volume', uuid: 'x', boot_index: '1.5' }], badField('boot_index', '1.5', "'1.5' does not match '^-?[0-9]+$'")],
    [[{ source_type: 'volume', uuid: 'x', tag: 'a' }], badRequest(expect.stringContaining("'tag' was unexpected")), 41],
    [[{ source_type: 'volume', uuid: 'x', volume_type: 'a' }], badRequest(expect.stringContaining("'volume_type' was unexpected")), 66],
    [
      [{ source_type: 'tape', uuid: 'x' }],
      badRequest(expect.stringContaining("'tape' is not one of ['volume', 'image', 'snapshot', 'blank']")),
    ],
    [
      [
        { source_type: 'image', uuid: good.imageRef, destination_type: 'local', boot_index: 0 },
        { source_type: 'blank', guest_format: 'swap', destination_type: 'local', volume_size: 1 },
      ],
      badRequest('Swap drive requested is larger than instance type allows.'),
    ],
  ])('block_device_mapping_v2 %j gets %o', async (devices, answer, microversion = 100) => {
    const networks = microversion >= 37 ? 'none' : undefined;
    expect(await post({ ...good, networks, block_device_mapping_v2: devices }, microversion)).toEqual(answer);
  });

  test.each<[object, object]>([
    [{ source_type: 'volume', uuid: 'x' }, device('failed to get volume x.')],
    [{ source_type: 'snapshot', uuid: 'x' }, badRequest('Snapshot x could not be found.')],
    [{ source_type: 'image', uuid: network, volume_size: 1, destination_type: 'volume' }, device(`failed to get image ${network}.`)],
    [{ source_type: 'image', uuid: 'x', volume_size: 1, destination_type: 'volume' }, device('failed to get image x.')],
  ])('that boots from a disk of nothing: %j', async (disk, answer) => {
    expect(await post({ ...good, imageRef: '', block_device_mapping_v2: [{ ...disk, boot_index: 0 }] })).toEqual(answer);
  });

  test('that has more local disks than Nova allows', async () => {
    const ephemeral = { source_type: 'blank', destination_type: 'local', volume_size: 1 };
    const flavor = { name: 'ephemeral', id: 'ephemeral', vcpus: 1, ram: 64, disk: 1, 'OS-FLV-EXT-DATA:ephemeral': 10 };
    await (await cloud.newUser('admin')).send('POST', '/flavors', { body: { flavor } });
    const asked = { ...good, flavorRef: 'ephemeral' };
    // The last check before the quota: two disks pass it, and the quota is then what refuses them.
    const two = { ...asked, min_count: 11, block_device_mapping_v2: [root, ...Array(2).fill(ephemeral)] };
    expect(await post(two)).toMatchObject({ status: 403 });
    expect(await post({ ...asked, block_device_mapping_v2: [root, ...Array(3).fill(ephemeral)] })).toEqual(
      device('You specified more local devices than the limit allows'),
    );
  });

  test.each<[object, unknown]>([
    [{ group: 'x' }, expect.stringContaining('group')],
    [{ group: good.imageRef }, `Instance group ${good.imageRef} could not be found.`],
    [{ same_host: ['x'] }, expect.stringContaining("'x' is not a 'uuid'")],
    [{ build_near_host_ip: 'x' }, expect.stringContaining('build_near_host_ip')],
    [{ cidr: '24' }, expect.stringContaining("does not match '^")],
  ])('os:scheduler_hints %j', async (hints, message) => {
    expect(await post(good, 100, { 'os:scheduler_hints': hints })).toEqual(badRequest(message));
  });

  test('comes with its microversion', async () => {
    const { networks: _, ...old } = good;
    for (const [microversion, field, value] of [
      [18, 'description', 'x'],
      [51, 'tags', ['x']],
      [62, 'trusted_image_certificates', ['x']],
      [89, 'hostname', 'host'],
    ] as const) {
      const server = microversion >= 37 ? good : old;
      const answer = await post({ ...server, [field]: value }, microversion);
      expect(answer.message, field).toContain(`Additional properties are not allowed ('${field}' was unexpected)`);
    }
    expect((await post({ ...good, hostname: 'a.b' }, 93)).message).toContain('hostname');
  });
});

describe('more than a server may carry is forbidden', () => {
  const forbidden = (message: string) => ({ status: 403, fault: 'forbidden', message });
  test('129 items of metadata', async () => {
    const metadata = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`k${index}`, 'v']));
    expect(await post({ ...good, metadata })).toEqual(forbidden('Maximum number of metadata items exceeds 128'));
  });

  test('files', async () => {
    const file = { path: '/a', contents: 'QQ==' };
    const { networks: _, ...old } = good;
    const files = (personality: object[]) => post({ ...old, personality }, 36);
    expect(await files(Array(6).fill(file))).toEqual(forbidden('Personality file limit exceeded'));
    expect(await files([{ ...file, path: 'x'.repeat(256) }])).toEqual(forbidden('Personality file path exceeds maximum 255'));
    expect(await files([{ ...file, contents: 'A'.repeat(10_244) }])).toEqual(forbidden('Personality file content exceeds maximum 10240'));
    expect(await files([{ path: '/a', contents: 'A' }])).toEqual(badField('contents', 'A', "'A' is not a 'base64'"));
  });
});
