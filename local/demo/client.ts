/** A client of the cloud like any other: it logs in and speaks HTTP. */
import type { Service } from '../deployment/service.ts';

/** An answer. */
export interface Reply<Body> {
  status: number;
  body: Body;
  /** From the request to the last byte. */
  milliseconds: number;
}

/** Somebody who is logged in. */
export interface Client {
  /** Sends a request to the Compute API; `Body` is the caller's word for what he expects to find in the answer. */
  send<Body = undefined>(method: string, path: string, body?: object): Promise<Reply<Body>>;
}

/**
 * Logs in with a password, as Keystone wants it.
 * @throws Error when there is no token for it.
 */
export async function logIn({ url, passwords }: Pick<Service, 'url' | 'passwords'>, name: 'admin' | 'demo'): Promise<Client> {
  const domain = { id: 'default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name, domain, password: passwords[name] } } },
    scope: { project: { name, domain } },
  };
  const response = await fetch(`${url}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  await response.body?.cancel();
  const token = response.headers.get('X-Subject-Token');
  if (response.status !== 201 || !token) throw new Error(`${name} got no token, but ${response.status}`);
  return {
    async send<Body>(method: string, path: string, body?: object) {
      const began = performance.now();
      const reply = await fetch(`${url}/v2.1${path}`, {
        method,
        headers: { 'X-Auth-Token': token, 'OpenStack-API-Version': 'compute latest', 'Content-Type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const text = await reply.text();
      return {
        status: reply.status,
        body: (text === '' ? undefined : JSON.parse(text)) as Body,
        milliseconds: performance.now() - began,
      };
    },
  };
}
