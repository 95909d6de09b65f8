/** `npm run lint:templates`: cfn-lint, which knows the schemas of CloudFormation's resources, over the templates of production with every setting. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import cdk from '../../cdk.json' with { type: 'json' };
import { addStacks } from '../../infra/stacks.ts';
import { awsTools } from '../fixtures/aws-tools/aws-tools.ts';

const settings = { apiCapacity: '0.5-64', apiReader: 'true', lambdaConcurrency: '1000', publicUrl: 'https://cloud.example.org' };

/** W3005 finds dependencies that CDK writes down although a reference has them already, which harms nothing. Nothing else is passed over. */
const passedOver = ['--ignore-checks', 'W3005'];

const folder = await mkdtemp(join(tmpdir(), 'cellzero-lint-'));
try {
  const app = new App({ outdir: folder, context: { ...cdk.context, 'aws:cdk:bundling-stacks': [], ...settings } });
  addStacks(app);
  const templates = app.synth().stacks.map(({ templateFullPath }) => templateFullPath);
  const linter = spawn(join(await awsTools(), 'cfn-lint'), [...passedOver, '--regions', 'us-east-1', '--', ...templates], {
    stdio: 'inherit',
  });
  [process.exitCode] = await once(linter, 'close');
} finally {
  await rm(folder, { recursive: true });
}
