/** Boots over HTTP, of which a test says only what matters. */
import type { RequestOptions, ServerBody, User } from '../../../../fixtures/cloud.ts';

/** The image of every boot. */
export const image = 'c1220500-0000-4000-8000-000000000001';

/** Sends a boot of m1.tiny with these fields. */
export function post(user: User, server: object, options: RequestOptions = {}, beside: object = {}) {
  const networks = (options.microversion ?? 100) >= 37 ? { networks: 'none' } : {};
  const body = { server: { name: 'one', imageRef: image, flavorRef: '1', ...networks, ...server }, ...beside };
  return user.send<{ server: { id: string } } & Record<string, { message: string }>>('POST', '/servers', { ...options, body });
}

/** Returns the names of a user's servers in their order. */
export async function names(user: User): Promise<string[]> {
  const { body } = await user.send<{ servers: ServerBody[] }>('GET', '/servers?sort_key=display_name&sort_dir=asc');
  return body.servers.map(({ name }) => name);
}
