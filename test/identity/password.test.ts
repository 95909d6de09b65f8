/** How passwords are kept. */
import { expect, test } from 'vitest';
import { hashPassword, verifyPassword } from '../../identity/password.ts';

test('passwords are hashed with salt and compared whole', async () => {
  const [one, two] = [await hashPassword('päss'), await hashPassword('päss')];
  expect(one).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$/);
  expect(one).not.toBe(two);
  expect(await verifyPassword('päss', one)).toBe(true);
  expect(await verifyPassword('päs', one)).toBe(false);
  expect(await verifyPassword('', undefined)).toBe(false);
  await expect(verifyPassword('x', 'plain')).rejects.toThrow(/scrypt/);
});
