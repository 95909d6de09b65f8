/** Links in answers must lead back to where the client came from, whatever stands between. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { setting } from '../../../shared/environment.ts';

type Headers = Readonly<Record<string, string | undefined>>;

/**
 * Returns `scheme://host` of this API: the setting PUBLIC_URL, or what the proxy nearest to the client says of the request (Forwarded of RFC 7239, or
 * X-Forwarded-Proto and X-Forwarded-Host), or the request itself. Who lies there gets links that lead nowhere, and nobody else does.
 */
export function baseUrl({ headers, requestContext }: Pick<APIGatewayProxyEventV2, 'headers' | 'requestContext'>): string {
  const configured = setting('PUBLIC_URL').replace(/\/+$/, '');
  if (configured) return configured;
  const { proto, host } = forwarded(headers);
  return `${proto ?? 'https'}://${/^[\w.:[\]-]+$/.test(host ?? '') ? host : (headers.host ?? requestContext.domainName)}`;
}

/** What the first of the proxies says; each adds its own words after a comma. A scheme other than http and https counts as not said. */
function forwarded(headers: Headers): { proto: string | undefined; host: string | undefined } {
  const first = (name: string) => headers[name]?.split(',')[0]?.trim();
  const pairs = first('forwarded')?.split(';') ?? [];
  const said = new Map(pairs.map((pair) => [pair.split('=')[0]?.trim().toLowerCase(), pair.replace(/^[^=]*=\s*"?|"?\s*$/g, '')]));
  const schemes = [said.get('proto'), first('x-forwarded-proto')].map((scheme) => scheme?.toLowerCase());
  return { proto: schemes.find((scheme) => scheme === 'http' || scheme === 'https'), host: said.get('host') ?? first('x-forwarded-host') };
}
