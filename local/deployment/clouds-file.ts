/** The file from which an OpenStack client knows where the cloud is and who asks. */
import { rename, writeFile } from 'node:fs/promises';
import type { Passwords } from './passwords.ts';

/** A cloud in the file: a user in the project of the same name. */
export interface CloudLogin {
  cloud: string;
  user: string;
  password: string;
}

/** Returns the text of a clouds.yaml for an API. */
export function cloudsText(url: string, logins: readonly CloudLogin[]): string {
  const clouds = logins.map(
    ({ cloud, user, password }) => `  ${cloud}:
    auth:
      auth_url: "${url}/identity/v3"
      username: ${user}
      password: ${JSON.stringify(password)}
      project_name: ${user}
      user_domain_id: default
      project_domain_id: default
    region_name: RegionOne
    identity_api_version: 3
`,
  );
  return `clouds:\n${clouds.join('')}`;
}

/**
 * Writes clouds.yaml with the clouds `cellzero` (a member) and `cellzero-admin`, readable by its owner alone. A client that reads meanwhile sees the file
 * of before or this one.
 */
export async function writeCloudsFile(file: string, url: string, { demo, admin }: Passwords): Promise<void> {
  const text = cloudsText(url, [
    { cloud: 'cellzero', user: 'demo', password: demo },
    { cloud: 'cellzero-admin', user: 'admin', password: admin },
  ]);
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
