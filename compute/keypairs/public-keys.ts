/**
 * SSH public keys as authorized_keys holds them: a type, a blob in base64, a comment. A blob is a row of texts, each with its length before it: the type
 * again, then what the type asks for (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4).
 */
import { createHash, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

/** A text that is no SSH public key. */
export class NoSshKey extends Error {
  override name = 'NoSshKey';
}

/** Nova's size, in bits; the private key is then in a form that everybody reads. */
const rsaBits = 2_048;
/** In bytes; what is shorter can be broken. */
const shortestRsa = 128;

/** Returns for each type whether the parts after it make a key. */
const types = new Map<string, (parts: Buffer[]) => boolean>(
  Object.entries({
    'ssh-rsa': ([e, n, ...others]) => e !== undefined && e.length > 0 && n !== undefined && n.length >= shortestRsa && others.length === 0,
    'ssh-dss': (parts) => parts.length === 4,
    'ssh-ed25519': ([point, ...others]) => point?.length === 32 && others.length === 0,
    'sk-ssh-ed25519@openssh.com': ([point, ...others]) => point?.length === 32 && others.length === 1,
    'ecdsa-sha2-nistp256': ([curve, point, ...others]) => isPoint('nistp256', 'P-256', curve, point) && others.length === 0,
    'ecdsa-sha2-nistp384': ([curve, point, ...others]) => isPoint('nistp384', 'P-384', curve, point) && others.length === 0,
    'ecdsa-sha2-nistp521': ([curve, point, ...others]) => isPoint('nistp521', 'P-521', curve, point) && others.length === 0,
    'sk-ecdsa-sha2-nistp256@openssh.com': ([curve, point, ...others]) => isPoint('nistp256', 'P-256', curve, point) && others.length === 1,
  }),
);

/**
 * Returns the MD5 of the key's blob in pairs of hex digits, as `ssh-keygen -E md5` does.
 * @throws NoSshKey.
 */
export function sshFingerprint(publicKey: string): string {
  const [, type, body] = /^(\S+)[ \t]+(\S+)/.exec(publicKey) ?? [];
  if (type === undefined || body === undefined) throw new NoSshKey('not a type and a blob');
  const blob = Buffer.from(body, 'base64');
  if (blob.toString('base64') !== body) throw new NoSshKey('not base64');
  const [typeAgain, ...parts] = split(blob);
  if (typeAgain?.toString('latin1') !== type || !types.get(type)?.(parts)) throw new NoSshKey(`not a key of type ${type}`);
  return createHash('md5')
    .update(blob)
    .digest('hex')
    .replace(/(..)(?!$)/g, '$1:');
}

/** Makes an RSA key pair; the private key is PEM, as ssh reads it. */
export async function generateSshKeyPair(): Promise<{ publicKey: string; privateKey: string }> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: rsaBits });
  const { e = '', n = '' } = pair.publicKey.export({ format: 'jwk' });
  const blob = Buffer.concat([Buffer.from('ssh-rsa'), integer(e), integer(n)].map(withLength));
  return {
    publicKey: `ssh-rsa ${blob.toString('base64')} Generated-by-Nova`,
    privateKey: pair.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
}

function split(blob: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < blob.length; ) {
    const start = at + 4;
    const end = start <= blob.length ? start + blob.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (end > blob.length) throw new NoSshKey('the blob ends too early');
    parts.push(blob.subarray(start, end));
    at = end;
  }
  return parts;
}

/** Returns whether an uncompressed point is on its curve. */
function isPoint(name: string, crv: string, curve: Buffer | undefined, point: Buffer | undefined): boolean {
  if (curve?.toString('latin1') !== name || point?.[0] !== 4) return false;
  const half = (point.length - 1) / 2;
  const [x, y] = [point.subarray(1, 1 + half), point.subarray(1 + half)].map((number) => number.toString('base64url'));
  try {
    createPublicKey({ format: 'jwk', key: { kty: 'EC', crv, x, y } });
    return true;
  } catch {
    return false;
  }
}

/** A number as SSH writes it: with a zero before what would look negative. */
function integer(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, 'base64url');
  return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
}

function withLength(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.length);
  return Buffer.concat([length, part]);
}
