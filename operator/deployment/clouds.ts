/** clouds.yaml for a deployment: a local one has written it, for one in the cloud it is made of where its API is and the secret of its admin. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Stage } from '../../infra/settings.ts';
import { NoDeployment } from '../../local/deployment/attach.ts';
import { cloudsText } from '../../local/deployment/clouds-file.ts';
import { type Choice, target } from './reach.ts';
import { stackOutput } from './stack-outputs.ts';

/**
 * Returns the text of clouds.yaml.
 * @throws NoDeployment when there is none, or when only its database is known.
 */
export async function cloudsFor(choice: Choice): Promise<string> {
  const where = target(choice);
  if ('stage' in where) return await ofStage(where.stage);
  if ('dataDir' in where) return await ofDataDir(resolve(where.dataDir));
  throw new NoDeployment('API_DATABASE says where a database is, not where the API is; say --stage or --data-dir');
}

async function ofDataDir(dataDir: string): Promise<string> {
  try {
    return await readFile(join(dataDir, 'clouds.yaml'), 'utf8');
  } catch (error) {
    throw new NoDeployment(`${dataDir} holds no clouds.yaml; a deployment writes it there when it is ready`, { cause: error });
  }
}

async function ofStage(stage: Stage): Promise<string> {
  const [url, secret] = await Promise.all([
    stackOutput(stage, 'control-plane', 'ApiUrl'),
    stackOutput(stage, 'api-database', 'AdminSecretArn'),
  ]);
  const { SecretString: password = '' } = await new SecretsManagerClient().send(new GetSecretValueCommand({ SecretId: secret }));
  return cloudsText(url.replace(/\/$/, ''), [{ cloud: 'cellzero-admin', user: 'admin', password }]);
}
