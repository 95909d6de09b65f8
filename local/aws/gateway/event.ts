/** Events of API Gateway's payload format 2.0, as the HTTP API makes them: the path decoded, the query string raw, header names in lower case. */
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';

/**
 * Content that the gateway passes on as text; other content is base64. So is what says that it is text and is not UTF-8: what the cloud's gateway makes of it
 * is not documented, and only so does the function see what was sent.
 */
const textual = /^(text\/|application\/(.*\+)?(json|xml|javascript|x-www-form-urlencoded))/i;

/** Makes the event of a request whose body was read. */
export function toEvent(request: IncomingMessage, body: Buffer, routeKey: string): APIGatewayProxyEventV2 {
  const { path: rawPath, rawQueryString } = splitUrl(request.url);
  const path = decode(rawPath);
  const headers = joinHeaders(request);
  const cookies = headers.cookie?.split(/;\s*/);
  delete headers.cookie;
  const { 'x-forwarded-proto': proto = '' } = headers;
  const text = textual.test(headers['content-type'] ?? 'text/plain') && isUtf8(body);
  const now = new Date();
  const domainName = headers.host ?? 'localhost';
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString,
    ...(cookies && { cookies }),
    // The cloud's gateway is where TLS ends; here that is a proxy in front, if there is one that says so.
    headers: { ...headers, 'x-forwarded-proto': /^https?\s*(,|$)/i.test(proto) ? proto : 'http' },
    ...(rawQueryString && { queryStringParameters: joinParameters(rawQueryString) }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'local',
      domainName,
      domainPrefix: domainName.split('.')[0] ?? domainName,
      http: {
        method: request.method ?? 'GET',
        path,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey,
      stage: '$default',
      time: gatewayTime(now),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(text ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !text,
  };
}

/** Splits what a request line asks for, still percent-encoded. */
export function splitUrl(url = '/'): { path: string; rawQueryString: string } {
  const question = url.indexOf('?');
  return question < 0 ? { path: url, rawQueryString: '' } : { path: url.slice(0, question), rawQueryString: url.slice(question + 1) };
}

/** A path that is not proper percent-encoding stays as it came. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function joinHeaders({ headersDistinct }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headersDistinct).map(([name, values = []]) => [name, values.join(name === 'cookie' ? '; ' : ',')]),
  );
}

function joinParameters(rawQueryString: string): Record<string, string> {
  const joined = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(joined);
}

/** `22/Nov/2026:18:40:00 +0000` */
function gatewayTime(time: Date): string {
  const [, day, month, year, clock] = time.toUTCString().split(' ');
  return `${day}/${month}/${year}:${clock} +0000`;
}
