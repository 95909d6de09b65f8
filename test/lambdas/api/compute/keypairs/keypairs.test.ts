/** Key pairs over HTTP. */
import { createPrivateKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Cloud, startCloud, type User } from '../../../../fixtures/cloud.ts';
import { slowInserts } from '../../../../fixtures/slow-inserts.ts';

interface KeyPairBody {
  keypair: { name: string; public_key: string; fingerprint: string; user_id?: string; type?: string; private_key?: string };
}
interface ListBody {
  keypairs: KeyPairBody[];
  keypairs_links?: { rel: string; href: string }[];
}
interface FaultBody {
  [name: string]: { code: number; message: string };
}

/** Made by ssh-keygen, their fingerprints by `ssh-keygen -l -E md5`. */
const keys = {
  rsa: {
    public_key:
      'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDLLNsiV9ugI7HNJE62WdpzhEj2NNwhDa2/AddcNxnRmsDCsCriEvBtULnFbL/9QrrYFoY8BcDQ1dYqfj9rpL6R3U1lkgLbv2sxVwTtfg1v5eciyxv+MRYDCWaADYFcK2ZgbUuv1rkUmV0oiPSjzqzxi2LGzWtb+mdPhOTy9TC/CM31U1cNqFX9y47O1Fi6zGD4sYefWWZb6ksEU3nocv/liOd/OzwNqmrNq91U/0xl+nKdJLQoOVISuMPFM30ZOBLpKNQWGtCpXGBcQcywvDL64P+JxeZQYUYRDp3e2MVyWGAcRoJ8CjDSLkj4R6b0T9KEgh15W08HEJv+TLX3S5WalFoFlwbFeyTB9lym+TQdxTUqxa9eOCUv0NLblY2MWpqVclxR7U6LIm+Z1WJ3iLhme6dL5alKGsrmz9aKN5eeLM0Zz3t6ANMep0t37MvKY+hpWk3rbo7fH1aRE1StSnae3sxuJ0/hYticaEmk+gB0Ro2QYLWF28pFzYol83clWm0= first@example',
    fingerprint: 'bd:6b:c9:32:c3:0b:63:65:fd:79:49:0f:6d:73:f7:11',
  },
  ed25519: {
    public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66O2MvvRhVh5BBtqfFz3h+6rgSKNo7MTzuvt56 first@example',
    fingerprint: '6f:10:e8:10:bf:95:ae:2e:3c:4b:7f:d6:7f:bc:77:7d',
  },
  ecdsa: {
    public_key:
      'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBDRPSgx5aX0C9+VBl4sp83bx1GQO2L076LhvpJEuurTYmq4EE0qK/x4a755OMdMjQu38zg4nlquLZXOFCu9f9z0=',
    fingerprint: 'fb:f1:3a:14:50:ad:a7:ac:73:6a:68:fd:34:78:cd:83',
  },
} as const;

/** Made by openssl, its fingerprint by `openssl x509 -fingerprint -sha1`. */
const certificate = {
  public_key: `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUXachjINxNef988auJvlOp/zjKlYwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHc29tZW9uZTAgFw0yNjExMjIxOTQ1MjlaGA8yMTI2MTAyOTE5
NDUyOVowEjEQMA4GA1UEAwwHc29tZW9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABOKfhNdFhcj4U68l3bTmNtGLAKSToPqQ1iVKudtgEoEiIt8/yJidCwyT41kE
dEUZnbsVzKc7fUQe0TRpGlv9XqyjUzBRMB0GA1UdDgQWBBSE3I918BlgtvUr6csV
+IzJQV/8AzAfBgNVHSMEGDAWgBSE3I918BlgtvUr6csV+IzJQV/8AzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQDl5Ln9RwO5HoRbbipjGijYA460
Ltja33ZrZUDHS3iODgIgQfxA6T1JEGYunQebEASVxmSxPexPXJebFatQulQN8DI=
-----END CERTIFICATE-----
`,
  fingerprint: '58:51:95:48:a8:9b:49:fa:82:09:6f:03:74:5a:1c:44:70:43:83:a1',
};

let cloud: Cloud;
let user: User;
let admin: User;
beforeAll(async () => {
  cloud = await startCloud({ cells: 0 });
  user = await cloud.newUser();
  admin = await cloud.newUser('admin');
});
afterAll(() => cloud?.stop());
afterEach(() => cloud.service.dataApi.faults.clear());

const path = '/os-keypairs';
const add = (who: User, name: string, keypair: object = {}, microversion = 100) =>
  who.send<KeyPairBody & FaultBody>('POST', path, {
    body: { keypair: { name, public_key: keys.ed25519.public_key, ...keypair } },
    microversion,
  });
const names = ({ keypairs }: ListBody) => keypairs.map(({ keypair }) => keypair.name);

/** Lets the project of a user have this many key pairs to a user. */
async function limit(who: User, count: number): Promise<void> {
  const boss = await cloud.newUser('admin', who.projectId);
  const { status } = await boss.send('PUT', `/os-quota-sets/${who.projectId}`, { body: { quota_set: { key_pairs: count } } });
  expect(status).toBe(200);
}

test.each(Object.entries(keys))('an %s key is kept with its fingerprint', async (type, { public_key, fingerprint }) => {
  const { status, body } = await add(user, `of ${type}`, { public_key });
  expect(status).toBe(201);
  expect(body).toEqual({ keypair: { name: `of ${type}`, public_key, fingerprint, type: 'ssh', user_id: user.userId } });
  const shown = await user.send<KeyPairBody>('GET', `${path}/${encodeURIComponent(`of ${type}`)}`);
  expect(shown).toMatchObject({ status: 200, body: { keypair: { public_key, fingerprint, type: 'ssh', user_id: user.userId } } });
  expect((await user.send('DELETE', `${path}/of%20${type}`)).status).toBe(204);
  expect(await user.send('GET', `${path}/of%20${type}`)).toMatchObject({
    status: 404,
    body: { itemNotFound: { code: 404, message: `Keypair of ${type} not found for user ${user.userId}` } },
  });
});

test('a certificate is kept with its fingerprint, but none is generated', async () => {
  const { status, body } = await add(user, 'certificate', { public_key: certificate.public_key, type: 'x509' });
  expect(status).toBe(201);
  expect(body.keypair).toMatchObject({ type: 'x509', ...certificate });
  await user.send('DELETE', `${path}/certificate`);
  const generated = await user.send<FaultBody>('POST', path, { body: { keypair: { name: 'none', type: 'x509' } }, microversion: 91 });
  expect(generated.status).toBe(400);
  expect(generated.body.badRequest?.message).toMatch(/^Keypair data is invalid: /);
});

test.each([1, 91])('at 2.%i a pair is generated when no public key is given', async (microversion) => {
  const { status, body } = await user.send<KeyPairBody>('POST', path, { body: { keypair: { name: 'made' } }, microversion });
  expect(status).toBe(microversion < 2 ? 200 : 201);
  const { private_key = '', public_key, fingerprint } = body.keypair;
  const { n = '', kty } = createPrivateKey(private_key).export({ format: 'jwk' });
  expect(kty).toBe('RSA');
  const [type, blob = ''] = public_key.split(' ');
  expect(type).toBe('ssh-rsa');
  expect(Buffer.from(blob, 'base64').subarray(-256).toString('base64url')).toBe(n);
  await user.send('DELETE', `${path}/made`);
  const again = await add(user, 'made', { public_key });
  expect(again.body.keypair.fingerprint).toBe(fingerprint);
  const shown = await user.send<KeyPairBody>('GET', `${path}/made`);
  expect(shown.body.keypair).not.toHaveProperty('private_key');
  await user.send('DELETE', `${path}/made`);
});

test('from 2.92 on the public key is required', async () => {
  const { status, body } = await user.send<FaultBody>('POST', path, { body: { keypair: { name: 'made' } }, microversion: 92 });
  expect(status).toBe(400);
  expect(body.badRequest?.message).toContain("'public_key' is a required property");
});

test('bodies and statuses are those of the microversion', async () => {
  const base = ['fingerprint', 'name', 'public_key'];
  const rest = ['created_at', 'deleted', 'deleted_at', 'id', 'updated_at', 'user_id'];
  for (const microversion of [1, 2, 9, 10, 34, 35, 92, 100]) {
    const types = microversion < 2 ? [] : ['type'];
    const made = await add(user, 'shape', {}, microversion);
    expect(made.status).toBe(microversion < 2 ? 200 : 201);
    expect(Object.keys(made.body.keypair).sort()).toEqual([...base, ...types, 'user_id'].sort());
    const shown = await user.send<KeyPairBody>('GET', `${path}/shape`, { microversion });
    expect(Object.keys(shown.body.keypair).sort()).toEqual([...base, ...rest, ...types].sort());
    expect(shown.body.keypair).toMatchObject({
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
      ...{ updated_at: null, deleted: false, deleted_at: null, id: expect.any(Number) },
    });
    const listed = await user.send<ListBody>('GET', path, { microversion });
    expect(Object.keys(listed.body)).toEqual(['keypairs']);
    expect(Object.keys(listed.body.keypairs[0]?.keypair ?? {}).sort()).toEqual([...base, ...types].sort());
    expect((await user.send('DELETE', `${path}/shape`, { microversion })).status).toBe(microversion < 2 ? 202 : 204);
  }
});

test.each([
  ['a name', 'dots.and@signs', 91, 400],
  ['a name', 'dots.and@signs', 92, 201],
  ['a name', 'slash/es', 100, 400],
  ['a name', ' ahead', 100, 400],
  ['a name', '', 100, 400],
  ['a name', 'n'.repeat(256), 100, 400],
  ['a name', 'My_key-1 of 2', 1, 200],
])('%s %j at 2.%i answers %i', async (_, name, microversion, status) => {
  expect((await add(user, name, {}, microversion)).status).toBe(status);
  await user.send('DELETE', `${path}/${encodeURIComponent(name)}`);
});

test.each([
  ['type', { type: 'ssh' }, 1],
  ['type', { type: 'dsa' }, 100],
  ['user_id', { user_id: 'x' }, 9],
  ...['__proto__', 'constructor', 'toString'].map((type): [string, object, number] => ['type', { type }, 100]),
  ['user_id', { user_id: '9'.repeat(40_000) }, 100],
  ['public_key', { public_key: null }, 100],
])('a wrong %s is refused: %.50j at 2.%i', async (_, keypair, microversion) => {
  expect((await add(user, 'wrong', keypair, microversion)).status).toBe(400);
});

test.each([
  ['no key', 'ssh-rsa JUNK nova@ubuntu'],
  ['nothing', ''],
  ['no blob', 'ssh-ed25519'],
  ['another type', keys.ed25519.public_key.replace('ssh-ed25519', 'ssh-rsa')],
  ['half a key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID+2Xa66'],
  ['a point beside its curve', keys.ecdsa.public_key.replace('9z0=', '9z4=')],
  ['too much', `${keys.ed25519.public_key} ${'x'.repeat(16_384)}`],
])('what is %s is refused', async (_, public_key) => {
  const { status, body } = await add(user, 'wrong', { public_key });
  expect(status).toBe(400);
  expect(body.badRequest?.message).toMatch(/^Keypair data is invalid: (failed to generate fingerprint|public_key is longer)/);
});

test('a certificate that cannot be read is refused', async () => {
  const { status, body } = await add(user, 'wrong', { public_key: certificate.public_key.replace('MIIB', 'MIIC'), type: 'x509' });
  expect(status).toBe(400);
  expect(body.badRequest?.message).toMatch(/^Keypair data is invalid: failed to generate X509 fingerprint. Error message: /);
});

test('a name is taken once by a user', async () => {
  expect((await add(user, 'taken')).status).toBe(201);
  expect(await add(user, 'taken')).toMatchObject({
    status: 409,
    body: { conflictingRequest: { code: 409, message: "Key pair 'taken' already exists." } },
  });
  const other = await cloud.newUser('member', user.projectId);
  expect((await add(other, 'taken')).status).toBe(201);
  await user.send('DELETE', `${path}/taken`);
});

test('a statement that is sent twice adds one key pair and answers as the first time', async () => {
  const lost = cloud.service.dataApi.faults.add({
    sql: 'insert into key_pairs',
    kind: 'after',
    error: 'InternalServerErrorException',
    nth: 1,
  });
  expect((await add(user, 'twice')).status).toBe(201);
  expect(lost.hits).toBe(1);
  expect(names((await user.send<ListBody>('GET', path)).body)).toEqual(['twice']);
  await user.send('DELETE', `${path}/twice`);
});

test('a reader has key pairs of his own, and an admin reaches those of others from 2.10 on', async () => {
  const reader = await cloud.newUser('reader');
  const query = `?user_id=${reader.userId}`;
  expect((await add(reader, 'mine')).status).toBe(201);
  expect((await add(admin, 'given', { user_id: reader.userId })).body.keypair.user_id).toBe(reader.userId);
  expect(names((await admin.send<ListBody>('GET', path + query)).body)).toEqual(['given', 'mine']);
  expect(names((await admin.send<ListBody>('GET', path + query, { microversion: 9 })).body)).toEqual([]);
  expect((await admin.send('GET', `${path}/mine${query}`)).status).toBe(200);
  expect((await admin.send('GET', `${path}/mine${query}`, { microversion: 9 })).status).toBe(404);
  for (const [action, method, place] of [
    ['index', 'GET', path],
    ['show', 'GET', `${path}/mine`],
    ['delete', 'DELETE', `${path}/mine`],
  ] as const) {
    expect(await user.send(method, place + query)).toMatchObject({
      status: 403,
      body: { forbidden: { message: `Policy doesn't allow os_compute_api:os-keypairs:${action} to be performed.` } },
    });
  }
  expect((await add(user, 'foisted', { user_id: reader.userId })).status).toBe(403);
  expect((await admin.send('DELETE', `${path}/given${query}`)).status).toBe(204);
  expect(names((await reader.send<ListBody>('GET', path)).body)).toEqual(['mine']);
});

test('a list has pages from 2.35 on', async () => {
  const lister = await cloud.newUser();
  const all = ['a', 'b', 'c', 'd', 'e'];
  for (const name of all) await add(lister, name);
  const list = (query: string, microversion = 100) => lister.send<ListBody & FaultBody>('GET', `${path}${query}`, { microversion });
  expect(names((await list('?limit=2', 34)).body)).toEqual(all);
  const seen: string[] = [];
  for (let next: string | undefined = '?limit=2'; next; ) {
    const { body }: { body: ListBody } = await list(next);
    seen.push(...names(body));
    const href = body.keypairs_links?.[0]?.href;
    next = href && new URL(href).search;
  }
  expect(seen).toEqual(all);
  expect((await list('?limit=0')).body).toEqual({ keypairs: [] });
  expect(names((await list('?marker=d')).body)).toEqual(['e']);
  expect(await list('?marker=nobody')).toMatchObject({ status: 400, body: { badRequest: { message: 'marker [nobody] not found' } } });
  expect((await list('?limit=-1')).status).toBe(400);
  expect((await list('?colour=red')).status).toBe(400);
  expect((await list('?colour=red', 74)).status).toBe(200);
});

test('a list that is larger than an answer of the database is whole', async () => {
  const lister = await cloud.newUser();
  const all = Array.from({ length: 60 }, (_, index) => `key ${String(index).padStart(2, '0')}`);
  for (const name of all) await add(lister, name, { public_key: `${keys.ed25519.public_key} ${'x'.repeat(16_000)}` });
  expect(names((await lister.send<ListBody>('GET', path)).body)).toEqual(all);
});

test('creators at once never pass the limit, and each key pair that goes makes way for one', async () => {
  const busy = await cloud.newUser();
  await limit(busy, 5);
  const creators = () => Promise.all(Array.from({ length: 20 }, (_, index) => add(busy, `key-${index}`)));
  const replies = await slowInserts(cloud.database('api'), 'key_pairs', 30, creators);
  const refused = replies.filter(({ status }) => status === 403);
  expect(replies.filter(({ status }) => status === 201)).toHaveLength(5);
  expect(refused).toHaveLength(15);
  for (const { body } of refused) expect(body.forbidden?.message).toBe('Quota exceeded, too many key pairs.');
  const kept = names((await busy.send<ListBody>('GET', path)).body);
  expect(kept).toHaveLength(5);
  expect((await busy.send('DELETE', `${path}/${kept[0]}`)).status).toBe(204);
  expect((await add(busy, 'after')).status).toBe(201);
  expect((await add(busy, 'too many')).status).toBe(403);
  await limit(busy, -1);
  expect((await add(busy, 'unlimited')).status).toBe(201);
});

test('of twenty who take one name at once one gets it', async () => {
  const busy = await cloud.newUser();
  const creators = () => Promise.all(Array.from({ length: 20 }, () => add(busy, 'one')));
  const replies = await slowInserts(cloud.database('api'), 'key_pairs', 30, creators);
  expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
});
