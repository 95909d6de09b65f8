/** The file that tells an OpenStack client where the cloud is and who asks. */
import { writeFile } from 'node:fs/promises';
import type { Passwords } from './seed.ts';

/** Writes clouds.yaml with the clouds `cellzero` (a member) and `cellzero-admin`, readable by its owner alone. */
export async function writeCloudsFile(file: string, url: string, passwords: Passwords): Promise<void> {
  const cloud = (name: string, user: keyof Passwords) => `  ${name}:
    auth:
      auth_url: ${url}/identity/v3
      username: ${user}
      password: ${passwords[user]}
      project_name: ${user}
      user_domain_id: default
      project_domain_id: default
    region_name: RegionOne
    identity_api_version: 3
`;
  await writeFile(file, `clouds:\n${cloud('cellzero', 'demo')}${cloud('cellzero-admin', 'admin')}`, { mode: 0o600 });
}
