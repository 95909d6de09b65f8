/** Faults as a client sees them, and as the log does. */
import { describe, expect, test, vi } from 'vitest';
import { ask, failures, signTokens, token } from './echo-api.ts';

signTokens();

describe('a fault', () => {
  test.each([
    ['missing', 404, 'itemNotFound'],
    ['busy', 409, 'conflictingRequest'],
    ['quota', 403, 'forbidden'],
  ])('of the domain: %s', async (how, code, name) => {
    const { status, body } = await ask(`/v2.1/fail/${how}`, { token });
    expect([status, body]).toEqual([code, { [name]: { code, message: failures[how]?.message } }]);
  });

  test('of a path or method', async () => {
    expect((await ask('/v2.1/nothing', { token })).body.itemNotFound?.code).toBe(404);
    expect((await ask('/servers', { token })).status).toBe(404);
    const { status, body, headers } = await ask('/v2.1/echo/1', { method: 'PATCH', token });
    expect([status, body.badMethod?.code, headers.allow]).toEqual([405, 405, 'DELETE, GET']);
    expect((await ask('/v2.1/echo/1?tag=%00', { token })).status).toBe(400);
  });

  test.each([
    ['a database', 'asleep'],
    ['a service of AWS', 'throttled'],
  ])('of %s that does not answer asks to come again', async (_, how) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { status, body, headers } = await ask(`/v2.1/fail/${how}`, { token });
    expect([status, Number(headers['retry-after']) > 0, body.serviceUnavailable?.code]).toEqual([503, true, 503]);
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(log).toHaveBeenCalledOnce();
  });

  test('of ours shows the client its class, and the log everything but the request', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const { status, body, headers } = await ask('/v2.1/fail/broken', { token });
    expect(status).toBe(500);
    expect(body.computeFault?.message).toBe(
      "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible.\n<class 'TypeError'>",
    );
    const line = String(log.mock.calls[0]?.[0]);
    expect(JSON.parse(line)).toMatchObject({
      level: 'ERROR',
      request_id: headers['x-openstack-request-id'],
      error: { name: 'TypeError', message: 'secret detail', cause: { name: 'Error', message: 'deeper detail' } },
    });
    expect(line).not.toContain(token);
  });
});
