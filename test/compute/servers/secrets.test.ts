/** Secrets of guests, sealed and opened; that others can open them too, a library of another's says. */
import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { compactDecrypt } from 'jose';
import { expect, test } from 'vitest';
import { openSecrets, sealSecrets, taskContext } from '../../../compute/servers/secrets.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const secrets = { admin_password: 'pässword\n', files: [{ path: '/etc/motd', contents: Buffer.from('hello').toString('base64') }] };
const unwrap = async (wrapped: Buffer) =>
  privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, wrapped);

test('what is sealed is opened for its context, and is no text of before', async () => {
  const sealed = sealSecrets(publicKey, secrets, 'r-12345678');
  expect(await openSecrets(unwrap, { sealed, context: 'r-12345678' })).toEqual(secrets);
  expect(Buffer.from(sealed.replaceAll('.', ''), 'base64url').toString('latin1')).not.toContain('/etc/motd');
  expect(sealSecrets(publicKey, secrets, 'r-12345678')).not.toBe(sealed);
});

test('they are a JWE, which any library for it opens with the key', async () => {
  const { plaintext, protectedHeader } = await compactDecrypt(sealSecrets(publicKey, secrets, 'r-1'), privateKey);
  expect(JSON.parse(Buffer.from(plaintext).toString())).toEqual(secrets);
  expect(protectedHeader).toEqual({ alg: 'RSA-OAEP-256', enc: 'A256GCM', context: 'r-1' });
});

test('they are not opened for another server, whatever their header says, nor when a bit is another', async () => {
  const sealed = sealSecrets(publicKey, secrets, taskContext('server', 'req-1'));
  const own = { sealed, context: taskContext('server', 'req-1') };
  const context = taskContext('another', 'req-1');
  expect(await openSecrets(unwrap, own)).toEqual(secrets);
  await expect(openSecrets(unwrap, { sealed, context })).rejects.toThrow('not sealed for another');
  const [header = ''] = sealSecrets(publicKey, secrets, context).split('.');
  const parts = sealed.split('.');
  await expect(openSecrets(unwrap, { sealed: parts.with(0, header).join('.'), context })).rejects.toThrow();
  for (let part = 2; part < parts.length; part++) {
    const changed = Buffer.from(parts[part] ?? '', 'base64url');
    changed.writeUInt8(changed.readUInt8(0) ^ 1, 0);
    await expect(openSecrets(unwrap, { ...own, sealed: parts.with(part, changed.toString('base64url')).join('.') })).rejects.toThrow();
  }
});
