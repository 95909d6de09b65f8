/**
 * Requests to services of AWS of which one operation is asked. The SDK's client of each would be 22 to 27 KB of every bundle; signing is the SDK's own. What is
 * throttled is taken soon, and what is left to the reaper waits for minutes: so a request is sent again after at most a second, for as long as a service
 * has (`in-time.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Sha256 } from '@smithy/core/checksum';
import { isThrottlingError, isTransientError } from '@smithy/core/retry';
import { SignatureV4 } from '@smithy/signature-v4';
import { inTime } from './in-time.ts';

/** An operation of a service that speaks the AWS JSON protocol. */
export interface ServiceRequest {
  /** As signatures name it. */
  service: keyof typeof protocols;
  endpoint: string;
  /** As `x-amz-target` has it. */
  target: string;
  body: object;
}

/** The version of the protocol by service. */
const protocols = { kms: '1.1', sqs: '1.0', states: '1.0' };

/** How often a request is sent at most. */
const mostAttempts = 20;

/**
 * Sends a request until the service has answered it.
 * @returns the answer; undefined for an error of the service whose name is one of `expected`.
 * @throws ServiceUnreachable when the service does not do what it is asked for, or does not answer in time; it may have done it all the same.
 */
export async function sendSigned(request: ServiceRequest, expected: readonly string[] = []): Promise<string | undefined> {
  return inTime(async ({ abortSignal }) => {
    for (let attempt = 1; ; attempt++) {
      const answer = await attemptOf(request, abortSignal);
      if (typeof answer === 'string') return answer;
      const error = answer;
      if (expected.includes(error.name)) return undefined;
      const mayPass = isThrottlingError(error) || isTransientError(error);
      if (!mayPass || attempt === mostAttempts) throw error;
      await sleep(Math.random() * Math.min(1_000, 100 * 2 ** attempt), undefined, { signal: abortSignal });
    }
  });
}

type ServiceError = Parameters<typeof isTransientError>[0];

/** Sends a request once; returns the answer, or the error that the service answers or that came in the place of an answer. */
async function attemptOf({ service, endpoint, target, body }: ServiceRequest, abortSignal: AbortSignal): Promise<ServiceError | string> {
  const { hostname, host, pathname, protocol, port } = new URL(endpoint);
  // What the service starts joins the trace of this invocation.
  const { _X_AMZN_TRACE_ID: trace } = process.env;
  const text = JSON.stringify(body);
  const { headers } = await signer(service).sign({
    ...{ method: 'POST', protocol, hostname, path: pathname, body: text, ...(port && { port: Number(port) }) },
    headers: {
      ...{ host, 'content-type': `application/x-amz-json-${protocols[service]}`, 'x-amz-target': target },
      ...(trace && { 'x-amzn-trace-id': trace }),
    },
  });
  const response = await fetch(endpoint, { method: 'POST', headers, body: text, signal: abortSignal }).catch((cause: Error) => {
    if (abortSignal.aborted) throw cause;
    return Object.assign(new Error(cause.message, { cause }), { name: 'TimeoutError' });
  });
  if (response instanceof Error) return errorOf(response.name, response.message, undefined);
  const answer = await response.text();
  if (response.ok) return answer;
  const name = /"__type"\s*:\s*"(?:[^"#]*#)?([^"]+)"/.exec(answer)?.[1] ?? `HTTP ${response.status}`;
  return errorOf(name, answer.slice(0, 500), response.status);
}

function errorOf(name: string, message: string, status: number | undefined): ServiceError {
  const error: ServiceError = Object.assign(new Error(message), { name, $fault: 'server' as const, cause: undefined });
  return Object.assign(error, { $metadata: { ...(status && { httpStatusCode: status }) } });
}

/** Credentials of a function are in its environment, where Lambda renews them. */
function signer(service: string): SignatureV4 {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = process.env;
  return new SignatureV4({
    service,
    region: AWS_REGION ?? '',
    sha256: Sha256,
    credentials: {
      accessKeyId: AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: AWS_SECRET_ACCESS_KEY ?? '',
      ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
    },
  });
}
