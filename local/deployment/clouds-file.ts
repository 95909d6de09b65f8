/** The file from which an OpenStack client knows where the cloud is and who asks. */
import { rename, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { Passwords } from './passwords.ts';

/** A cloud in the file: a user in the project of the same name. */
export interface CloudLogin {
  cloud: string;
  user: string;
  password: string;
}

/** Returns the text of a clouds.yaml for an API. */
export function cloudsText(url: string, logins: readonly CloudLogin[]): string {
  const clouds = logins.map(({ cloud, user, password }) => {
    const domains = { user_domain_id: 'default', project_domain_id: 'default' };
    const auth = { auth_url: `${url}/identity/v3`, username: user, password, project_name: user, ...domains };
    return [cloud, { auth, region_name: 'RegionOne', identity_api_version: 3 }];
  });
  return stringify({ clouds: Object.fromEntries(clouds) }, { defaultKeyType: 'PLAIN', defaultStringType: 'QUOTE_DOUBLE' });
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
