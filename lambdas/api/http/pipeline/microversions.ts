/** Chooses the microversion of a request from its headers, and answers with the one that was chosen, on errors too. */
import { BadRequest } from '../../../../common/errors.ts';
import { maximumMicroversion, minimumMicroversion } from '../../compute/microversions.ts';
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
 * Returns the N of the 2.N that the headers ask for.
 * @throws BadRequest when it is not a version, HttpError 406 when it is not served.
 */
function negotiate(headers: Readonly<Record<string, string | undefined>>): number {
  const wanted = standardHeader(headers[header.toLowerCase()]) ?? headers[legacyHeader.toLowerCase()]?.trim();
  if (wanted === undefined) return minimumMicroversion;
  if (wanted === 'latest') return maximumMicroversion;
  const [, major, minor] = /^([1-9]\d*)\.([1-9]\d*|0)$/.exec(wanted) ?? [];
  if (major === undefined) {
    throw new BadRequest(`API Version String ${wanted} is of invalid format. Must be of format MajorNum.MinorNum.`);
  }
  const number = Number(minor);
  if (major !== '2' || number < minimumMicroversion || number > maximumMicroversion) {
    throw new HttpError(
      406,
      `Version ${wanted} is not supported by the API. Minimum is 2.${minimumMicroversion} and maximum is 2.${maximumMicroversion}.`,
    );
  }
  return number;
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
  const version = `2.${microversion}`;
  response.headers = { ...response.headers, [header]: `compute ${version}`, [legacyHeader]: version };
};
