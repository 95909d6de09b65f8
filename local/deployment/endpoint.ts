/** How another process of this machine finds a running deployment: by a file in its data directory, there as long as the deployment runs. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const endpointSchema = z.object({
  /** Process of the deployment. */
  pid: z.int().positive(),
  /** Variables that lead the SDK and the settings of a process to it. */
  environment: z.object({ AWS_ENDPOINT_URL_RDS_DATA: z.url(), API_DATABASE: z.string() }).catchall(z.string()),
});

/** A deployment that runs, or that was killed before it could say that it does not. */
export type Endpoint = z.infer<typeof endpointSchema>;

const fileIn = (dataDir: string) => join(dataDir, 'endpoint.json');

/** Writes how what this process runs is reached, for its own user alone: the URL is all that is needed. Returns a function that takes it back. */
export async function publishEndpoint(dataDir: string, environment: Endpoint['environment']): Promise<() => Promise<void>> {
  const file = fileIn(dataDir);
  const endpoint: Endpoint = { pid: process.pid, environment };
  // A file that is there keeps its mode.
  await rm(file, { force: true });
  await writeFile(file, JSON.stringify(endpoint), { mode: 0o600 });
  return () => rm(file, { force: true });
}

/** Reads how the deployment of a data directory says that it is reached; undefined when it does not run, or its file makes no sense. */
export async function readEndpoint(dataDir: string): Promise<Endpoint | undefined> {
  try {
    return endpointSchema.safeParse(JSON.parse(await readFile(fileIn(dataDir), 'utf8'))).data;
  } catch {
    return undefined;
  }
}
