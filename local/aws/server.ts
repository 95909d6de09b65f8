/**
 * The services of AWS that handlers reach through their SDK clients, behind one address on loopback. Requests are distinguished by path (Data API) or by
 * target header (the JSON protocols), so the endpoint variables of all services hold the same URL and a handler never knows where it runs.
 *
 * Loopback is open to every process of the machine and, by the requests that browsers send without asking, to every web page, and here are password hashes
 * and the key that signs tokens. So the URL has a random part, new with every start, and who does not know it gets nothing.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { region } from './arns.ts';

/** A request of an SDK client. Signatures are not checked: that the client knows the URL is enough. */
export interface AwsRequest {
  /** Below the URL. */
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
  /** With the random part of this start: not to be shown. */
  readonly url: string;
  /** Variables that point every SDK client of a process to the services. */
  readonly environment: ReturnType<typeof awsEnvironment>;
  /** Stops listening and cuts open connections. */
  close(): Promise<void>;
}

/** What to serve, and where. */
export interface AwsOptions {
  services: readonly AwsService[];
  /**
   * Where it is reached from another machine, as an emulator's containers are: by names that are not known here, and without a random part, which nobody
   * could hand over. Without it, it is a free port of loopback.
   */
  elsewhere?: { host: string; port: number } | undefined;
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
    AWS_ENDPOINT_URL_SECRETS_MANAGER: url,
    AWS_ENDPOINT_URL_SQS: url,
  };
}

/** Longer than an SDK client keeps an idle connection, so that it never writes into one we close. */
const keepAlive = 120_000;

/** Serves AWS. */
export async function startAws({ services, elsewhere }: AwsOptions): Promise<Aws> {
  const { host, port } = elsewhere ?? { host: '127.0.0.1', port: 0 };
  const secret = elsewhere ? '' : `/${randomBytes(32).toString('base64url')}`;
  const server = createServer({ keepAliveTimeout: keepAlive }, (request, response) => void respond(services, admit, request, response));
  await new Promise<void>((listening, failed) => {
    server.once('error', failed).listen(port, host, listening);
  });
  const address = `${host}:${(server.address() as AddressInfo).port}`;
  const admit: Admission = (request) => {
    const { host, origin } = request.headers;
    // A browser names the page that sends, and the host that it believes to ask.
    if (origin !== undefined || (!elsewhere && host !== address)) return undefined;
    return pathBelow(secret, request.url ?? '/');
  };
  const url = `http://${address}${secret}`;
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

/** Returns the path that a request asks for, or undefined when it is none of ours. */
type Admission = (request: IncomingMessage) => string | undefined;

function pathBelow(secret: string, path: string): string | undefined {
  const [given, expected] = [Buffer.from(path.slice(0, secret.length)), Buffer.from(secret)];
  const rest = path.slice(secret.length) || '/';
  return given.length === expected.length && timingSafeEqual(given, expected) && rest.startsWith('/') ? rest : undefined;
}

async function respond(
  services: readonly AwsService[],
  admit: Admission,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const path = admit(request);
    if (path === undefined) throw new AwsError('AccessDeniedException', 'This is for the process that started it.', 403);
    const answer = await dispatch(services, await read(request, path));
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

async function read(request: IncomingMessage, path: string): Promise<AwsRequest> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return { path, target: String(request.headers['x-amz-target'] ?? ''), body: Buffer.concat(parts) };
}

async function dispatch(services: readonly AwsService[], request: AwsRequest): Promise<string> {
  for (const service of services) {
    const answer = service(request);
    if (answer) return await answer;
  }
  throw new AwsError('UnknownOperationException', `nothing here answers ${request.path} ${request.target}`, 404);
}
