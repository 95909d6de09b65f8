/** Starting the boot workflow: named after the reservation, so that starting it twice starts it once. The state holds ids only. */
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { Reservation } from '../compute/servers/create-servers.ts';
import { setting } from './environment.ts';

let client: SFNClient | undefined;

/**
 * Starts the boot of a reservation's servers.
 * @throws the SDK's error when Step Functions does not take it.
 */
export async function startBoot({ reservationId, requestId, servers }: Reservation): Promise<void> {
  client ??= new SFNClient({});
  await client.send(
    new StartExecutionCommand({
      stateMachineArn: setting('BOOT_STATE_MACHINE'),
      name: reservationId,
      input: JSON.stringify({ reservation: reservationId, request: requestId, servers }),
    }),
  );
}
