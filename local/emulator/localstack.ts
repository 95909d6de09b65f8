/** LocalStack, an emulator of AWS that runs in Docker with the token of an account; compose.yaml starts it. */

/** Where it listens unless somebody says otherwise. */
export const localstackEndpoint = 'http://127.0.0.1:4566';

/** No LocalStack answers where one is asked for. */
export class NoLocalstack extends Error {
  override name = 'NoLocalstack';
  readonly endpoint: string;

  constructor(endpoint: string) {
    super(`no LocalStack answers at ${endpoint}`);
    this.endpoint = endpoint;
  }
}

/** Returns whether a LocalStack answers at an address. */
export async function isLocalstack(endpoint: string): Promise<boolean> {
  return await fetch(`${endpoint}/_localstack/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Returns the address of an HTTP API by its id: a host name that LocalStack's own name servers lead to loopback. */
export function addressInLocalstack(endpoint: string, id: string): string {
  const { protocol, port } = new URL(endpoint);
  return `${protocol}//${id}.execute-api.localhost.localstack.cloud:${port}`;
}
