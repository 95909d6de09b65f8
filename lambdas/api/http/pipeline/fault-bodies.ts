/** How each service of OpenStack words an error. */
import { STATUS_CODES } from 'node:http';

/** Makes the body of an error answer. */
export type FaultBody = (status: number, message: string) => object;

const novaNames: Readonly<Record<number, string>> = {
  400: 'badRequest',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

/** Nova: `{"itemNotFound": {"code", "message"}}`; a status without a name of its own is a computeFault. */
export const novaFault: FaultBody = (status, message) => ({ [novaNames[status] ?? 'computeFault']: { code: status, message } });

/** Keystone, and its middleware in front of every service: `{"error": {"code", "title", "message"}}`. */
export const keystoneFault: FaultBody = (status, message) => ({ error: { code: status, title: STATUS_CODES[status] ?? '', message } });

/** Glance: `{"code", "title", "message"}`. */
export const glanceFault: FaultBody = (status, message) => ({
  code: `${status} ${STATUS_CODES[status] ?? ''}`,
  title: STATUS_CODES[status] ?? '',
  message,
});
