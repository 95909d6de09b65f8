/** KMS answers a P-256 signature as DER, `SEQUENCE { INTEGER r, INTEGER s }`; JWS wants r and s of 32 bytes each, one after the other. */

const size = 32;

/**
 * Converts a DER signature to the base64url text of a JWS.
 * @throws Error when it is not such a signature.
 */
export function joseSignature(der: Uint8Array): string {
  const bytes = Buffer.from(der);
  if (bytes[0] !== 0x30 || bytes[1] !== bytes.length - 2) throw new Error('not a DER signature');
  const r = integer(bytes, 2);
  const s = integer(bytes, r.end);
  return Buffer.concat([r.value, s.value]).toString('base64url');
}

/** DER drops leading zeros and adds one before a high bit; both are undone here. */
function integer(bytes: Buffer, start: number): { value: Buffer; end: number } {
  const length = bytes[start + 1];
  if (bytes[start] !== 0x02 || length === undefined) throw new Error('not a DER integer');
  const end = start + 2 + length;
  const digits = bytes.subarray(Math.max(start + 2, end - size), end);
  return { value: Buffer.concat([Buffer.alloc(size - digits.length), digits]), end };
}
