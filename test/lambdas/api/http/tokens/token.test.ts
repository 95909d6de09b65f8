import { createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { issueToken } from '../../../../../lambdas/api/http/tokens/issue-token.ts';
import { joseSignature } from '../../../../../lambdas/api/http/tokens/jose-signature.ts';
import { InvalidToken, type TokenSubject, verifyToken } from '../../../../../lambdas/api/http/tokens/token.ts';
import { createKms } from '../../../../../local/aws/kms.ts';
import { type Aws, startAws } from '../../../../../local/aws/server.ts';

const subject: TokenSubject = {
  user: { id: 'a'.repeat(32), name: 'ann' },
  project: { id: 'b'.repeat(32), name: 'blue' },
  roles: [{ id: 'c'.repeat(32), name: 'member' }],
  methods: ['password'],
};

let aws: Aws;

beforeAll(async () => {
  const kms = await createKms({ folder: undefined });
  aws = await startAws({ services: [kms.service] });
  Object.assign(process.env, aws.environment, { TOKEN_KEY: kms.token.keyArn, TOKEN_PUBLIC_KEY: kms.token.publicKey });
});
afterAll(() => aws.close());
afterEach(() => vi.useRealTimers());

describe('a token', () => {
  test('says who it is for, and for how long', async () => {
    const { text, token } = await issueToken(subject);
    const verified = verifyToken(text);
    expect(verified).toEqual(token);
    expect(verified).toMatchObject(subject);
    expect(verified.expiresAt.getTime() - verified.issuedAt.getTime()).toBe(3_600_000);
  });

  test('is signed well whatever the bytes of the signature', async () => {
    for (let count = 0; count < 100; count += 1) verifyToken((await issueToken(subject)).text);
  });

  test('ends', async () => {
    const { text } = await issueToken(subject);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
    expect(() => verifyToken(text)).toThrow(InvalidToken);
  });

  test('that was checked before ends as well, at its very end', async () => {
    const { text } = await issueToken(subject);
    const { expiresAt } = verifyToken(text);
    vi.useFakeTimers({ toFake: ['Date'], now: expiresAt.getTime() - 1 });
    expect(verifyToken(text)).toMatchObject(subject);
    vi.setSystemTime(expiresAt);
    expect(() => verifyToken(text)).toThrow(InvalidToken);
  });

  test('asked for with another one ends with it and continues its chain', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 1_800_000 });
    const first = await issueToken(subject);
    vi.useRealTimers();
    const second = await issueToken(subject, first.token);
    expect(second.token.expiresAt).toEqual(first.token.expiresAt);
    expect(second.token.auditIds).toEqual([expect.not.stringMatching(String(first.token.auditIds[0])), first.token.auditIds[0]]);
  });

  test('is a JWS to others, too', async () => {
    const { text } = await issueToken(subject);
    const key = createPublicKey({ key: process.env.TOKEN_PUBLIC_KEY ?? '', encoding: 'base64', format: 'der', type: 'spki' });
    const { payload, protectedHeader } = await jwtVerify(text, key, { algorithms: ['ES256'] });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT' });
    expect(payload).toMatchObject({ sub: subject.user.id, roles: subject.roles });
  });

  test('with claims that another release has signed is refused', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    vi.stubEnv('TOKEN_PUBLIC_KEY', publicKey.export({ type: 'spki', format: 'der' }).toString('base64'));
    const signed = (claims: object) => {
      const content = [{ typ: 'JWT', alg: 'ES256' }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.');
      return `${content}.${sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
    };
    const claims = { sub: 'a', iat: 1, exp: 9_999_999_999, openstack_methods: [], openstack_audit_ids: [], user_name: 'a', roles: [] };
    expect(verifyToken(signed(claims)).user.id).toBe('a');
    const { roles, ...others } = claims;
    expect(() => verifyToken(signed(others))).toThrow(InvalidToken);
    vi.unstubAllEnvs();
  });

  test('is refused when altered, foreign, unsigned or of another algorithm', async () => {
    const { text } = await issueToken(subject);
    const [header = '', claims = '', signature = ''] = text.split('.');
    const richer = JSON.parse(Buffer.from(claims, 'base64url').toString());
    richer.roles = [{ id: 'd'.repeat(32), name: 'admin' }];
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const foreignKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const foreign = await new SignJWT(richer)
      .setProtectedHeader({ alg: 'ES256' })
      .sign(createPrivateKey(foreignKey.export({ type: 'pkcs8', format: 'pem' })));
    const symmetric = await new SignJWT(richer).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.alloc(32, 1));
    const forgeries = [
      '',
      'x',
      'a.b.c',
      `${header}.${encode(richer)}.${signature}`,
      `${encode({ alg: 'none' })}.${encode(richer)}.`,
      `${header}.${claims}.`,
      `${header}.${claims}.${'A'.repeat(86)}`,
      `${header}.${claims}.${signature}.`,
      `${header}.${claims}.${signature.slice(0, -4)}`,
      `${encode({ alg: 'ES256', typ: 'JWT' })}.${claims}.${signature}`,
      foreign,
      symmetric,
    ];
    for (const forgery of forgeries) expect(() => verifyToken(forgery), forgery).toThrow(InvalidToken);
  });
});

test('short and padded integers of a DER signature become 32 bytes each', () => {
  const der = Buffer.concat([Buffer.from([0x30, 38, 2, 1, 5, 2, 33, 0]), Buffer.alloc(32, 0xff)]);
  expect(Buffer.from(joseSignature(der), 'base64url')).toEqual(Buffer.concat([Buffer.alloc(31), Buffer.of(5), Buffer.alloc(32, 0xff)]));
  expect(() => joseSignature(Buffer.from('nonsense'))).toThrow(/DER/);
});
