/** What a person reads when a start fails for a reason outside the program: why in one line, what to do in the next. */
import { PortInUse } from '../aws/gateway/gateway.ts';
import type { ServiceOptions } from '../deployment/service.ts';
import { DataDirectoryInUse } from '../postgres/postgres.ts';

/** Returns both lines, or undefined for an error that somebody should see with its stack. */
export function advice(error: unknown, { host, port, dataDir }: Partial<ServiceOptions>): string | undefined {
  if (error instanceof PortInUse) {
    return `Port ${error.port} of ${host} is in use, perhaps by another Cellzero.\nStop what listens there, or take a free port: npm start -- --port 0`;
  }
  if (error instanceof DataDirectoryInUse) {
    return `Another Cellzero is running on the data in ${dataDir}.\nStop it, or keep other data: npm start -- --data-dir DIR, or --ephemeral`;
  }
  if (!isSystemError(error)) return undefined;
  if (network.has(error.syscall)) {
    return `Cannot listen on ${host}, port ${port}: ${error.code}.\nTake an address of this machine and a port you may use: npm start -- --host 127.0.0.1 --port 0`;
  }
  if (dataDir !== undefined && error.path?.startsWith(dataDir)) {
    return `Cannot keep data in ${dataDir}: ${error.code} at ${error.path}.\nTake a directory you may write to: npm start -- --data-dir DIR`;
  }
  return undefined;
}

const network: ReadonlySet<string | undefined> = new Set(['listen', 'bind', 'getaddrinfo']);

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
