import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { issueToken } from '../../../lambdas/api/http/tokens/issue-token.ts';
import { verifyToken } from '../../../lambdas/api/http/tokens/token.ts';
import { handler } from '../../../lambdas/deploy/public-key.ts';
import { createKms } from '../../../local/aws/kms.ts';
import { startAws } from '../../../local/aws/server.ts';

/** Runs the function as CloudFormation does, with the key of a deployment, and returns what CloudFormation gets. */
async function request(change: Record<string, unknown> = {}, status = 200) {
  const kms = await createKms({ folder: undefined });
  const aws = await startAws({ services: [kms.service] });
  onTestFinished(() => aws.close());
  const answers: unknown[] = [];
  const cloudFormation = createServer(async (sent, response) => {
    answers.push(sent.method, await json(sent));
    response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void cloudFormation.close());
  await once(cloudFormation, 'listening');
  const { port } = cloudFormation.address() as AddressInfo;
  onTestFinished(() => void vi.unstubAllEnvs());
  for (const [name, value] of Object.entries({ ...aws.environment, TOKEN_KEY: kms.token.keyArn })) vi.stubEnv(name, value);
  const ids = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'PublicKeysToken' };
  const ResourceProperties = { ServiceToken: 'function', KeyId: kms.token.keyArn };
  const ResponseURL = `http://127.0.0.1:${port}/answer?signature=x`;
  await handler({ RequestType: 'Create', ResponseURL, ...ids, ResourceProperties, ...change });
  return { ids, kms, answers };
}

test('what CloudFormation gets checks what the key signs', async () => {
  const { ids, kms, answers } = await request();
  const PublicKey = expect.any(String);
  expect(answers).toEqual(['PUT', { ...ids, PhysicalResourceId: kms.token.keyArn, Status: 'SUCCESS', Data: { PublicKey } }]);
  const [, { Data }] = answers as [string, { Data: { PublicKey: string } }];
  vi.stubEnv('TOKEN_PUBLIC_KEY', Data.PublicKey);
  const subject = { user: { id: 'a', name: 'ann' }, project: null, roles: [], methods: ['password'] };
  expect(verifyToken((await issueToken(subject)).text)).toMatchObject(subject);
});

test('a key that cannot be read fails the deployment at once, with the reason', async () => {
  const { ids, answers } = await request({ ResourceProperties: { KeyId: 'another' } });
  const Reason = expect.stringContaining("NotFoundException: Key 'another' does not exist");
  expect(answers).toEqual(['PUT', { ...ids, PhysicalResourceId: 'another', Status: 'FAILED', Reason }]);
});

test('the end of the resource is accepted without asking for a key that may be gone', async () => {
  const change = { RequestType: 'Delete', PhysicalResourceId: 'an-old-key', ResourceProperties: { KeyId: 'gone' } };
  const { ids, answers } = await request(change);
  expect(answers).toEqual(['PUT', { ...ids, PhysicalResourceId: 'an-old-key', Status: 'SUCCESS' }]);
});

test('an answer that CloudFormation does not take is an error, so that Lambda runs the function again', async () => {
  await expect(request({}, 403)).rejects.toThrow('CloudFormation answers 403');
});
