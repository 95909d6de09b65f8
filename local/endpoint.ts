/** How another process of this machine finds a running service: by a file in its data directory, there as long as the service is. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const endpointSchema = z.object({
  /** Process of the service. */
  pid: z.int().positive(),
  /** Where it plays AWS's services. */
  url: z.url(),
});

/** A service that runs, or that was killed before it could say that it does not. */
export type Endpoint = z.infer<typeof endpointSchema>;

const fileIn = (dataDir: string) => join(dataDir, 'endpoint.json');

/** Writes where this process is reached; gives a function that takes it back. */
export async function publishEndpoint(dataDir: string, url: string): Promise<() => Promise<void>> {
  const file = fileIn(dataDir);
  const endpoint: Endpoint = { pid: process.pid, url };
  await writeFile(file, JSON.stringify(endpoint), { mode: 0o600 });
  return () => rm(file, { force: true });
}

/** Reads where the service of a data directory says that it is reached; undefined when it does not run, or its file makes no sense. */
export async function readEndpoint(dataDir: string): Promise<Endpoint | undefined> {
  try {
    return endpointSchema.safeParse(JSON.parse(await readFile(fileIn(dataDir), 'utf8'))).data;
  } catch {
    return undefined;
  }
}
