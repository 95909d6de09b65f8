/** Passwords are kept as scrypt hashes in the PHC text form, which carries its own parameters: old hashes stay valid when new ones get stronger. */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

const parameters = { ln: 14, r: 8, p: 1 };
const saltBytes = 16;
const hashBytes = 32;

/** Hashes a password for storing; two calls return different texts. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, salt, { N: 2 ** parameters.ln, r: parameters.r, p: parameters.p });
  return `$scrypt$ln=${parameters.ln},r=${parameters.r},p=${parameters.p}$${unpadded(salt)}$${unpadded(hash)}`;
}

/** A hash of nothing, so that an unknown user costs as much time as a known one. */
const nobody = `$scrypt$ln=${parameters.ln},r=${parameters.r},p=${parameters.p}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Returns whether the password is the one that was hashed. Without a hash it does the same work and says no.
 * @throws Error when the hash has another form.
 */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const parts = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(hash ?? nobody);
  if (!parts) throw new Error('not a scrypt hash');
  const [, ln, r, p, salt = '', expected = ''] = parts;
  const options = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  const actual = await derive(password, Buffer.from(salt, 'base64'), options);
  const wanted = Buffer.from(expected, 'base64');
  return actual.length === wanted.length && timingSafeEqual(actual, wanted) && hash !== undefined;
}

function derive(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hashBytes, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
