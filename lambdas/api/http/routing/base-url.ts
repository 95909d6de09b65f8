/** Links in answers must lead back to where the client came from. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { setting } from '../../../shared/environment.ts';

/** Returns `scheme://host` of this API: the setting PUBLIC_URL, or what the request says of itself. */
export function baseUrl({ headers, requestContext }: APIGatewayProxyEventV2): string {
  const configured = setting('PUBLIC_URL').replace(/\/+$/, '');
  return configured || `${headers['x-forwarded-proto'] ?? 'https'}://${headers.host ?? requestContext.domainName}`;
}
