/** Where the Compute API stands on its host: below /v2.1 and, without microversions, below /v2; a project id may stand between. */
import type { Location } from '../http/routing/location.ts';

const versionDocuments = new Set(['/', '/v2.1', '/v2']);

/** Returns the place in the compute route table that a request's path means; paths outside the API mean none. */
export function locateCompute(path: string): Location | undefined {
  if (versionDocuments.has(path)) return { path, versioned: false };
  const [, version, projectId, rest] = /^\/(v2\.1|v2)(?:\/([0-9a-f]{32}))?(\/.+)$/.exec(path) ?? [];
  if (!rest) return undefined;
  return { path: rest, versioned: version === 'v2.1', ...(projectId && { projectId }) };
}
