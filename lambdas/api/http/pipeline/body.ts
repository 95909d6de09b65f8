/** Reads the JSON body of the routes that have one; what PostgreSQL cannot store as text is refused here, once. */
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { validateBody } from '../validation/validation.ts';
import type { Middleware } from './exchange.ts';
import { HttpError } from './http-error.ts';

/** JSON by its own name, and by those in the version documents of the services. */
const jsonTypes = /^application\/(json|vnd\.openstack\.(compute|identity-v3)\+json)$/;

/** The default of OpenStack's services, in bytes. */
const largestBody = 114_688;

/** Parses the body when the route reads one. */
export const bodyParser: Middleware = {
  before({ event }) {
    const { exchange } = event;
    if (!exchange.found || exchange.found instanceof HttpError) return;
    const { route } = exchange.found;
    if (route.body) exchange.body = parseBody(event);
    else if (route.bodiless) refuseBody(event);
  },
};

/**
 * Returns the JSON object of the body.
 * @throws HttpError 413 or 415, BadRequest when it is not a JSON object.
 */
function parseBody(event: APIGatewayProxyEventV2): object {
  const bytes = bytesOf(event);
  const { headers } = event;
  if (bytes.length > largestBody) throw new HttpError(413, 'Request is too large.');
  const contentType = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (contentType && !jsonTypes.test(contentType)) throw new HttpError(415, 'Unsupported Content-Type');
  const value = parseJson(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed();
  return value;
}

/** @throws BadRequest when there is a body, but for JSON's null. */
function refuseBody(event: APIGatewayProxyEventV2): void {
  const bytes = bytesOf(event);
  if (bytes.length > 0) validateBody(z.null(), parseJson(bytes));
}

const bytesOf = ({ body, isBase64Encoded }: APIGatewayProxyEventV2) => Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8');

function parseJson(bytes: Buffer): unknown {
  try {
    // A byte order mark stays, and is no JSON: Nova decodes the body as UTF-8 before Python's json.loads, which refuses it in a text.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), storable);
  } catch (error) {
    throw malformed(error);
  }
}

/** A text with NUL or half a surrogate pair is JSON, but no text of PostgreSQL. */
function storable(key: string, value: unknown): unknown {
  for (const text of [key, value]) {
    if (typeof text === 'string' && (text.includes('\0') || !text.isWellFormed())) throw new Error('not a text');
  }
  return value;
}

function malformed(cause?: unknown): BadRequest {
  return new BadRequest('Malformed request body', { cause });
}
