/** What becomes of an error on its way through the workflow, and what the tenant and the admin read of it. */
import { expect, test } from 'vitest';
import { handOn, isForeseen, readFailure } from '../../../compute/boot/failure.ts';
import { OwnershipLost } from '../../../compute/boot/ownership-lost.ts';
import { MaxRetriesExceeded } from '../../../compute/boot/reschedule.ts';
import { BuildAborted, BuildFailure } from '../../../compute/hosts/drivers/driver.ts';
import { NoValidHost } from '../../../compute/scheduler/no-valid-host.ts';

test('a search that failed hands its first cause on, behind its message', () => {
  const error = new NoValidHost('No valid host was found. \nHosts: 0.', {
    report: { servers: 1, first_cause: 'NoHosts', hosts: 0, rejected: {} },
  });
  const thrown = handOn(error) as NoValidHost;
  expect(thrown).toBeInstanceOf(NoValidHost);
  expect(thrown).toMatchObject({ message: 'No valid host was found. \nHosts: 0.\n{"first_cause":"NoHosts"}', cause: error });
  expect(readFailure({ Error: thrown.name, Cause: thrown.message })).toEqual({
    ...{ error: 'NoValidHost', cause: 'NoHosts', sentence: 'No valid host was found. ', details: error.message },
  });
});

test('any other error is handed on as it is', () => {
  for (const error of [new NoValidHost('No.'), new BuildFailure('No.'), Object.assign(new Error('No.'), { report: {} }), 'No.']) {
    expect(handOn(error)).toBe(error);
  }
});

const twice = (text: string) => ({ sentence: text, details: text });

test.each([
  [
    { Error: 'NoValidHost', Cause: 'No valid host was found. \nAsked: 1 server.\nFirst cause: VCPU.\n{"first_cause":"VCPU"}' },
    {
      error: 'NoValidHost',
      cause: 'VCPU',
      sentence: 'No valid host was found. ',
      details: 'No valid host was found. \nAsked: 1 server.\nFirst cause: VCPU.',
    },
  ],
  [
    { Error: 'BuildFailure', Cause: JSON.stringify({ errorType: 'BuildAborted', errorMessage: 'No.\nNever.' }) },
    { error: 'BuildAborted', cause: 'BuildAborted', sentence: 'No.', details: 'No.\nNever.' },
  ],
  [
    { Error: 'BuildFailure', Cause: 'NUL \0, half a pair \ud83d, and all of it \u{1f600}' },
    { error: 'BuildFailure', cause: 'BuildFailure', ...twice('NUL , half a pair \ufffd, and all of it \u{1f600}') },
  ],
  [
    { Error: 'TypeError', Cause: 'secret is not a function' },
    { error: 'TypeError', cause: 'TypeError', sentence: 'TypeError', details: 'TypeError: secret is not a function' },
  ],
  [
    { Error: 'States.Timeout', Cause: '{"errorType": 3}' },
    { error: 'States.Timeout', cause: 'States.Timeout', sentence: 'States.Timeout', details: 'States.Timeout: {"errorType": 3}' },
  ],
])('an error is shown to the tenant in its first line when that is written for him, or by its class: %j', (caught, failure) => {
  expect(readFailure(caught)).toEqual(failure);
});

test('what belongs to the life of a boot is no fault', () => {
  for (const error of [
    new NoValidHost('No.'),
    new BuildFailure('No.'),
    new BuildAborted('No.'),
    new MaxRetriesExceeded('No.'),
    new OwnershipLost('No.'),
  ]) {
    expect(isForeseen(error)).toBe(true);
  }
  for (const error of [new Error('No.'), new TypeError('No.'), 'NoValidHost', undefined]) expect(isForeseen(error)).toBe(false);
});
