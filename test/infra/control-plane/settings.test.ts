/** Nova's options on their way from the context of the CDK app to the functions. */
import { expect, test, vi } from 'vitest';
import { defaultSettings, settingsSchema } from '../../../compute/settings.ts';
import { settings } from '../../../lambdas/shared/settings.ts';
import { synthesise, templateOf } from '../synthesis.ts';

test.each([
  ['that are not set', {}, defaultSettings],
  ['of cdk.json', { settings: { shutdown_timeout: 30 } }, { ...defaultSettings, shutdown_timeout: 30 }],
  ['behind -c', { settings: '{"shutdown_timeout":30}' }, { ...defaultSettings, shutdown_timeout: 30 }],
])('options %s reach every function that asks hosts', (_, context, expected) => {
  const functions = Object.entries(templateOf(synthesise(context), 'cellzero-control-plane').findResources('AWS::Lambda::Function'));
  const asking = functions.filter(([, { Properties }]) => Properties.Environment?.Variables.REPORTS_QUEUE);
  expect(asking).toHaveLength(7);
  for (const [name, { Properties }] of asking) {
    vi.stubEnv('SETTINGS', Properties.Environment.Variables.SETTINGS);
    expect(settings(), name).toEqual(expected);
    vi.unstubAllEnvs();
  }
});

test('a function refuses options that it does not know', () => {
  vi.stubEnv('SETTINGS', '{"shutdown_timeouts":30}');
  expect(settings).toThrow(/shutdown_timeouts/);
  vi.unstubAllEnvs();
  expect(settings()).toEqual(settingsSchema.parse({}));
});
