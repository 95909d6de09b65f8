/** Chooses the microversion of a request from its headers, and answers with the one that was chosen, on errors too. */
import { BadRequest } from '../../../../common/errors.ts';
import { findMicroversion, latest, type Microversion, oldest } from '../../compute/microversions.ts';
import type { Middleware } from './exchange.ts';
import { HttpError } from './http-error.ts';

const header = 'OpenStack-API-Version';
const legacyHeader = 'X-OpenStack-Nova-API-Version';

/** Negotiates where the location allows it: the new header wins over the legacy one, none means the lowest. */
export const microversions: Middleware = {
  before({ event }) {
    const { exchange, headers } = event;
    if (exchange.location?.versioned) exchange.microversion = negotiate(headers);
  },
  after: (request) => sendMicroversion(request),
  onError: (request) => sendMicroversion(request),
};

/**
 * Returns the microversion that the headers ask for.
 * @throws BadRequest when it is not a version, HttpError 406 when it is not served.
 */
function negotiate(headers: Readonly<Record<string, string | undefined>>): Microversion {
  const wanted = standardHeader(headers[header.toLowerCase()]) ?? headers[legacyHeader.toLowerCase()]?.trim();
  if (wanted === undefined) return oldest;
  if (wanted === 'latest') return latest;
  if (!/^[1-9]\d*\.(?:[1-9]\d*|0)$/.test(wanted)) {
    throw new BadRequest(`API Version String ${wanted} is of invalid format. Must be of format MajorNum.MinorNum.`);
  }
  const microversion = findMicroversion(wanted);
  if (!microversion) {
    throw new HttpError(406, `Version ${wanted} is not supported by the API. Minimum is ${oldest} and maximum is ${latest}.`);
  }
  return microversion;
}

/** The header may name several services, separated by commas; the last entry of ours counts. */
function standardHeader(value: string | undefined): string | undefined {
  const entries = value?.split(',').map((entry) => entry.trim().split(/\s+/)) ?? [];
  return entries.findLast(([service, version]) => service?.toLowerCase() === 'compute' && version)?.[1];
}

const sendMicroversion: NonNullable<Middleware['after']> = ({ event, response }) => {
  const { location, microversion } = event.exchange;
  if (!response || !location?.versioned) return;
  response.headers = { ...response.headers, Vary: `${header}, ${legacyHeader}` };
  if (microversion === undefined) return;
  const version = String(microversion);
  response.headers = { ...response.headers, [header]: `compute ${version}`, [legacyHeader]: version };
};
