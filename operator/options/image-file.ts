/** What Glance would know of an image from its file. */
import { createHash } from 'node:crypto';
import { accessSync, constants, createReadStream } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { Content } from '../../image/images.ts';

/** Reads an option that names a file to read. */
export function readableFile(path: string): string {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
  return path;
}

/** Measures a file as Glance does: MD5 as checksum, SHA-512 as hash. */
export async function contentOf(path: string): Promise<Content> {
  const checksum = createHash('md5');
  const hash = createHash('sha512');
  let size = 0;
  for await (const part of createReadStream(path)) {
    checksum.update(part);
    hash.update(part);
    size += part.length;
  }
  return { size, checksum: checksum.digest('hex'), osHashAlgo: 'sha512', osHashValue: hash.digest('hex') };
}
