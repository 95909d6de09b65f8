/** Requests as they are written, for tests that send what no client would; every answer must be a fault that names its request. */
import { expect } from 'vitest';
import type { Cloud, User } from '../../../fixtures/cloud.ts';

/** What an answer says. */
export interface Answer {
  status: number;
  /** Name of the fault. */
  fault: string;
  message: string;
}

/** A body of `POST /servers` that would be accepted. */
export const good = { name: 'n', imageRef: 'c1220500-0000-4000-8000-000000000001', flavorRef: '1', networks: 'none' };

/** A 400 with this message, which may be a matcher. */
export function badRequest(message: unknown) {
  return { status: 400, fault: 'badRequest', message };
}

/** A 400 about a field of the body. */
export function badField(field: string, value: string, why: string) {
  return badRequest(`Invalid input for field/attribute ${field}. Value: ${value}. ${why}`);
}

/** Sends exactly this, and returns what the answer says. */
export async function sendRaw(
  cloud: Cloud,
  user: User,
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const url = `${cloud.service.url}${path.startsWith('/v2') ? '' : '/v2.1'}${path}`;
  const sent = {
    'X-Auth-Token': user.token,
    'OpenStack-API-Version': 'compute 2.100',
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...headers,
  };
  const reply = await fetch(url, { method, headers: sent, ...(body === undefined ? {} : { body }) });
  expect(reply.headers.get('x-openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/);
  expect(reply.headers.get('x-compute-request-id')).toBe(reply.headers.get('x-openstack-request-id'));
  const faults = Object.entries((await reply.json()) as Record<string, { code: number; message: string }>);
  expect(faults).toEqual([[expect.any(String), { code: reply.status, message: expect.not.stringMatching(/\n\s+at /) }]]);
  const [[fault, { message }] = ['', { message: '' }]] = faults;
  return { status: reply.status, fault, message };
}

/** Asserts that a user has nothing, not even in his quota. */
export async function expectNothing(user: User): Promise<void> {
  expect((await user.send('GET', '/servers')).body).toEqual({ servers: [] });
  const used = { totalInstancesUsed: 0, totalCoresUsed: 0, totalRAMUsed: 0 };
  expect((await user.send('GET', '/limits')).body).toMatchObject({ limits: { absolute: used } });
}
