/** The file that tells an OpenStack client where the cloud is and who asks. */
import { rename, writeFile } from 'node:fs/promises';
import type { Passwords } from './passwords.ts';

/**
 * Writes clouds.yaml with the clouds `cellzero` (a member) and `cellzero-admin`, readable by its owner alone. A client that reads meanwhile sees the file
 * of before or this one.
 */
export async function writeCloudsFile(file: string, url: string, passwords: Passwords): Promise<void> {
  const cloud = (name: string, user: keyof Passwords) => `  ${name}:
    auth:
      auth_url: "${url}/identity/v3"
      username: ${user}
      password: "${passwords[user]}"
      project_name: ${user}
      user_domain_id: default
      project_domain_id: default
    region_name: RegionOne
    identity_api_version: 3
`;
  await writeFile(`${file}.new`, `clouds:\n${cloud('cellzero', 'demo')}${cloud('cellzero-admin', 'admin')}`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
