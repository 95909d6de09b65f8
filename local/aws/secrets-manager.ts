/** The one operation of Secrets Manager that what migrates needs, for the secrets of local databases. They hold no password: PostgreSQL asks for none here. */
import * as z from 'zod';
import { masterSecretArn, secretArn, serviceUser } from './arns.ts';
import { AwsError, type AwsService } from './server.ts';

const request = z.object({ SecretId: z.string() });
const prefix = secretArn('');

/** Serves the secrets of the service users of these databases. The map may change while in use. */
export function secretsManager(databases: ReadonlyMap<string, string>): AwsService {
  return ({ target, body }) => {
    if (target !== 'secretsmanager.GetSecretValue') return undefined;
    const { SecretId: arn } = request.parse(JSON.parse(body.toString()));
    const name = arn.startsWith(prefix) ? arn.slice(prefix.length) : '';
    if (!databases.has(name)) throw new AwsError('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
    const secret = { username: serviceUser(name), masterarn: masterSecretArn(name) };
    return Promise.resolve(JSON.stringify({ ARN: arn, SecretString: JSON.stringify(secret) }));
  };
}
