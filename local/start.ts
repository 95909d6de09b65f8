/** `npm start`: serves a deployment on this machine until it is stopped, or until its PostgreSQL ends and it cannot serve any more. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { CommanderError } from 'commander';
import { PortInUse } from './aws/gateway/gateway.ts';
import { type ServiceOptions, startService } from './deployment/service.ts';
import { onStopSignal } from './processes/stop-signals.ts';
import { advice } from './start/advice.ts';
import { greeting } from './start/greeting.ts';
import { readOptions } from './start/options.ts';

let options: ServiceOptions | undefined;
try {
  options = readOptions(process.argv.slice(2));
  await serve(options);
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode);
  console.error(advice(error, options ?? {}) ?? error);
  process.exit(1);
}

async function serve(options: ServiceOptions): Promise<void> {
  await tryPort(options);
  let stopping = false;
  const end = (code: number) => {
    if (stopping) return;
    stopping = true;
    // What is half started cannot be stopped; it is whole in a moment, or has stopped itself.
    void starting
      .catch(() => undefined)
      .then((service) => service?.stop())
      .then(
        () => process.exit(code),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
  };
  // First, so that no signal finds something half made and nobody to stop it.
  onStopSignal(() => end(0));
  const starting = startService(options);
  const service = await starting.catch((error: unknown) => {
    if (!stopping) throw error;
  });
  if (!service || stopping) return;
  console.log(greeting(service, options, performance.now()));
  await service.postgresEnded;
  if (stopping) return;
  console.error('PostgreSQL ended without being asked to, so Cellzero ends too.');
  end(1);
}

/** A taken port is found out before anything is made, not after. */
async function tryPort({ host, port }: ServiceOptions): Promise<void> {
  const probe = createServer().listen(port, host);
  try {
    await once(probe, 'listening');
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' ? new PortInUse(port, error) : error;
  }
  probe.close();
  await once(probe, 'close');
}
