import { Stack } from 'aws-cdk-lib';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { expect, test } from 'vitest';
import { makeApp } from './synthesis.ts';

test.each(['production', 'throwaway'])('the rules find nothing unexplained in %s', (stage) => {
  expect(() => makeApp({ stage }).synth()).not.toThrow();
});

test('what they find beside it fails the synthesis', () => {
  const app = makeApp();
  new Queue(new Stack(app, 'more'), 'Queue');
  expect(() => app.synth()).toThrow(/AwsSolutions-SQS4/);
});
