/**
 * The services of AWS that handlers reach through their SDK clients, behind one address on loopback. Requests are distinguished by path (Data API) or by
 * target header (the JSON protocols), so the endpoint variables of all services hold the same URL and a handler never knows where it runs.
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { region } from './arns.ts';

/** A request of an SDK client. Signatures are not checked. */
export interface AwsRequest {
  readonly path: string;
  /** `Service.Operation` in the JSON protocols, else empty. */
  readonly target: string;
  readonly body: Buffer;
}

/** Answers a request with a JSON text, or returns undefined when it is not for this service. */
export type AwsService = (request: AwsRequest) => Promise<string> | undefined;

/** An error in AWS's words: the SDK throws it again under this name. */
export class AwsError extends Error {
  override readonly name: string;
  readonly status: number;
  /** Further members of the answer. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(name: string, message: string, status = 400, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = name;
    this.status = status;
    this.details = details;
  }
}

/** Thrown by a service to cut the connection without an answer. */
export class AnswerLost extends Error {
  override name = 'AnswerLost';
}

/** The listening services. */
export interface Aws {
  readonly url: string;
  /** Variables that point every SDK client of a process to the services. */
  readonly environment: ReturnType<typeof awsEnvironment>;
  /** Stops listening and cuts open connections. */
  close(): Promise<void>;
}

/** What to serve, and where. */
export interface AwsOptions {
  services: readonly AwsService[];
  host?: string;
  port?: number;
}

/** Returns the variables that point every SDK client of a process to the services at a URL. */
function awsEnvironment(url: string) {
  return {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ENDPOINT_URL_RDS_DATA: url,
    AWS_ENDPOINT_URL_SFN: url,
    AWS_ENDPOINT_URL_KMS: url,
  };
}

/** Longer than an SDK client keeps an idle connection, so that it never writes into one we close. */
const keepAlive = 120_000;

/** Serves AWS, by default on a free port of loopback. */
export async function startAws({ services, host = '127.0.0.1', port = 0 }: AwsOptions): Promise<Aws> {
  const server = createServer({ keepAliveTimeout: keepAlive }, (request, response) => void respond(services, request, response));
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, listening);
  });
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    environment: awsEnvironment(url),
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

async function respond(services: readonly AwsService[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const answer = await dispatch(services, await read(request));
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  } catch (error) {
    if (error instanceof AnswerLost) return void request.socket.destroy();
    const { name, message, status, details } = error instanceof AwsError ? error : internal(error);
    response
      .writeHead(status, { 'content-type': 'application/json', 'x-amzn-errortype': name })
      .end(JSON.stringify({ __type: name, message, ...details }));
  }
}

function internal(error: unknown): AwsError {
  return new AwsError('InternalServerErrorException', error instanceof Error ? (error.stack ?? error.message) : String(error), 500);
}

async function read(request: IncomingMessage): Promise<AwsRequest> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return { path: request.url ?? '/', target: String(request.headers['x-amz-target'] ?? ''), body: Buffer.concat(parts) };
}

async function dispatch(services: readonly AwsService[], request: AwsRequest): Promise<string> {
  for (const service of services) {
    const answer = service(request);
    if (answer) return await answer;
  }
  throw new AwsError('UnknownOperationException', `nothing here answers ${request.path} ${request.target}`, 404);
}
