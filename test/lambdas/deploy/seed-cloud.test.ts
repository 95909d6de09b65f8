import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { query } from '../../../database/data-api/client.ts';
import { authenticateWithPassword } from '../../../identity/authentication.ts';
import { handler } from '../../../lambdas/deploy/seed-cloud.ts';
import { type Aws, AwsError, startAws } from '../../../local/aws/server.ts';
import { type Cloud, startCloud } from '../../fixtures/cloud.ts';

const arn = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:admin';

let cloud: Cloud;
let aws: Aws;
let password: string;
beforeAll(async () => {
  cloud = await startCloud({ cells: 0, hosts: 0 });
  aws = await startAws({
    services: [
      ({ target, body }) => {
        if (target !== 'secretsmanager.GetSecretValue') return undefined;
        if (JSON.parse(body.toString()).SecretId !== arn) throw new AwsError('ResourceNotFoundException', 'no such secret');
        return Promise.resolve(JSON.stringify({ ARN: arn, SecretString: password }));
      },
    ],
  });
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', aws.url);
  vi.stubEnv('ADMIN_SECRET', arn);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await aws?.close();
  await cloud?.stop();
});

/** As the database is when its migrations ran. */
beforeEach(async () => {
  password = 'the first';
  await query(cloud.database('api'), 'truncate users, projects, flavors, images cascade');
});

const login = (text: string) => authenticateWithPassword(cloud.service.api, { name: 'admin' }, text, { name: 'admin' });

test('a new cloud has an admin with the password of the secret, the flavors of DevStack and an image', async () => {
  await handler();
  expect(await login('the first')).toMatchObject({ project: { name: 'admin' }, roles: [{ name: 'admin' }] });
  expect(await login('another')).toBeUndefined();
  const flavors = await query(cloud.service.api, 'select name from flavors order by flavorid');
  expect(flavors).toEqual(['m1.tiny', 'm1.small', 'm1.medium', 'm1.large', 'm1.xlarge'].map((name) => ({ name })));
  expect(await query(cloud.service.api, 'select name, visibility from images')).toEqual([{ name: 'cirros', visibility: 'public' }]);
});

test('seeding again changes nothing', async () => {
  const everything = () =>
    query(
      cloud.service.api,
      `select (select jsonb_agg(f order by id) from flavors f) as flavors, (select jsonb_agg(i) from images i) as images,
         (select jsonb_agg(to_jsonb(u) - 'password_hash' - 'updated_at') from users u) as users,
         (select jsonb_agg(p) from projects p) as projects, (select jsonb_agg(r) from role_assignments r) as assignments`,
    );
  await handler();
  const before = await everything();
  await handler();
  expect(await everything()).toEqual(before);
  expect(await login('the first')).toBeDefined();
});

test('a changed secret is the new password', async () => {
  await handler();
  password = 'the second';
  await handler();
  expect(await login('the second')).toBeDefined();
  expect(await login('the first')).toBeUndefined();
});

test('a flavor that an operator changed stays as it is', async () => {
  await handler();
  await query(cloud.service.api, `update flavors set memory_mb = 1024 where name = 'm1.tiny'`);
  await handler();
  expect(await query(cloud.service.api, `select memory_mb from flavors where name = 'm1.tiny'`)).toEqual([{ memory_mb: 1_024 }]);
});

test('without the secret nothing is seeded', async () => {
  vi.stubEnv('ADMIN_SECRET', 'another');
  await expect(handler()).rejects.toThrow('no such secret');
  vi.stubEnv('ADMIN_SECRET', arn);
  expect(await query(cloud.service.api, 'select name from users')).toEqual([]);
});
