/**
 * API Gateway's HTTP API on one machine: requests of node:http become events of payload format 2.0, for the functions that the route table of the
 * cloud names. What the gateway itself answers there (too large, function failed) it answers here.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { ApiFunction } from '../../../lambdas/api/gateway-routes.ts';
import { splitUrl, toEvent } from './event.ts';
import { findRoute } from './find-route.ts';

/** A function behind the gateway. */
export type GatewayFunction = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>;

/** The running gateway. */
export interface Gateway {
  /** `http://host:port` */
  readonly url: string;
  readonly port: number;
  /** Stops accepting, waits for running requests up to a few seconds, then cuts what is left. */
  close(): Promise<void>;
}

/** Another program listens on the port. */
export class PortInUse extends Error {
  override name = 'PortInUse';
  readonly port: number;

  constructor(port: number, cause: Error) {
    super(`port ${port} is in use by another program`, { cause });
    this.port = port;
  }
}

/** The payload limit of the HTTP API, in bytes. */
const largestBody = 10 * 1024 * 1024;
/** What running requests get to end, in milliseconds. */
const closePatience = 5_000;
const closeInterval = 20;

/**
 * Listens; port 0 takes a free one.
 * @throws PortInUse, or the error of the socket.
 */
export async function startGateway(options: {
  host: string;
  port: number;
  functions: Readonly<Record<ApiFunction, GatewayFunction>>;
}): Promise<Gateway> {
  const { host, port, functions } = options;
  const server = createServer((request, response) => void respond(functions, request, response));
  await listen(server, host, port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a gateway listens on a port');
  const name = address.family === 'IPv6' ? `[${host}]` : host;
  return { url: `http://${name}:${address.port}`, port: address.port, close: () => close(server) };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE' ? new PortInUse(port, error) : error));
    server.listen(port, host, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection becomes idle when its last request ends, so they are ended as they come.
    const closing = setInterval(() => server.closeIdleConnections(), closeInterval);
    const cut = setTimeout(() => server.closeAllConnections(), closePatience);
    server.close(() => {
      clearInterval(closing);
      clearTimeout(cut);
      resolve();
    });
  });
}

async function respond(
  functions: Readonly<Record<ApiFunction, GatewayFunction>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const body = await readBody(request);
    if (!body) return sendMessage(response, 413, 'Request Too Long');
    const { routeKey, name } = findRoute(splitUrl(request.url).path);
    send(response, await functions[name](toEvent(request, body, routeKey)));
  } catch (error) {
    if (!request.complete) return void response.destroy();
    const reason = error instanceof Error ? error.stack : String(error);
    console.error(JSON.stringify({ level: 'ERROR', source: 'gateway', message: 'a function failed', reason }));
    sendMessage(response, 500, 'Internal Server Error');
  }
}

/** Reads the body; none when it is larger than the gateway takes. What is not read, node:http throws away once the answer is sent. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > largestBody) return undefined;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    size += part.length;
    if (size > largestBody) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function send(
  response: ServerResponse,
  { statusCode = 200, headers = {}, body = '', cookies = [], isBase64Encoded }: APIGatewayProxyStructuredResultV2,
): void {
  const content = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8');
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value));
  if (cookies.length > 0) response.setHeader('Set-Cookie', cookies);
  if (statusCode !== 204) response.setHeader('Content-Length', content.length);
  response.writeHead(statusCode).end(content);
}

function sendMessage(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return void response.destroy();
  send(response, { statusCode: status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ message }) });
}
