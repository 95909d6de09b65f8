/** Requests as events of the HTTP API, and answers as what a client sees. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import type { ApiHandler } from '../../../lambdas/api/http/pipeline/create-api.ts';

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a text as it is. */
  body?: object | string;
  base64?: boolean;
  token?: string | undefined;
}

/** JSON of any shape; a key that is not there is undefined, and a test that expects otherwise fails. */
export type Json = { readonly [key: string]: Json } & { readonly [index: number]: Json };

export interface Seen {
  status: number;
  headers: Record<string, string>;
  /** The parsed JSON; undefined without a body. */
  body: Json;
}

/** Makes the event of a request; the URL is a path with an optional query. */
export function eventOf(url: string, { method = 'GET', headers = {}, body, base64 = false, token }: Ask = {}): APIGatewayProxyEventV2 {
  const [rawPath = '/', rawQueryString = ''] = url.split('?');
  const text = typeof body === 'object' ? JSON.stringify(body) : body;
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: {
      host: 'cloud.example',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token !== undefined && { 'x-auth-token': token }),
      ...headers,
    },
    requestContext: {
      accountId: '000000000000',
      apiId: 'test',
      domainName: 'cloud.example',
      domainPrefix: 'cloud',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: 'test',
      routeKey: '$default',
      stage: '$default',
      time: '01/Jan/2026:00:00:00 +0000',
      timeEpoch: 0,
    },
    ...(text !== undefined && { body: base64 ? Buffer.from(text).toString('base64') : text }),
    isBase64Encoded: base64,
  };
}

/** Makes a function that asks a handler. Header names of answers are in lower case. */
export function asking(handler: ApiHandler): (url: string, ask?: Ask) => Promise<Seen> {
  return async (url, ask) => {
    const { statusCode = 0, headers = {}, body } = await handler(eventOf(url, ask));
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]);
    return { status: statusCode, headers: Object.fromEntries(lower), body: body === undefined ? undefined : JSON.parse(body) };
  };
}
