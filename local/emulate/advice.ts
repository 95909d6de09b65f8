/** What a person reads when an emulated cloud does not start for a reason outside the program: why, and what to do in the last line. */

import { PortInUse } from '../aws/gateway/gateway.ts';
import { CdkFailed } from '../emulator/cdk.ts';
import { NoLocalstack } from '../emulator/localstack.ts';
import { InstallFailed } from '../processes/python.ts';

/** Returns the lines, or undefined for an error that somebody should see with its stack. */
export function advice(error: unknown): string | undefined {
  if (error instanceof PortInUse) {
    return `Port ${error.port} of 127.0.0.1 is in use, perhaps by another emulator.\nStop what listens there, or take a free port: npm run emulate -- --port 0`;
  }
  if (error instanceof InstallFailed) {
    return `The emulator could not be installed: ${String(error.cause)}\nIt takes Python 3.10 or later with venv, and a package index that pip reaches.`;
  }
  if (error instanceof NoLocalstack) {
    return `No LocalStack answers at ${error.endpoint}.\nStart one: LOCALSTACK_AUTH_TOKEN=... docker compose --file local/emulator/compose.yaml up --detach`;
  }
  if (error instanceof CdkFailed) return error.message;
  return undefined;
}
