/** `npm start`: serves a deployment on this machine until it is stopped. */
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
  const starting = startService(options);
  let stopping = false;
  onStopSignal(() => {
    stopping = true;
    // What is half started cannot be stopped; it is whole in a moment, or has stopped itself.
    void starting
      .catch(() => undefined)
      .then((service) => service?.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
  });
  const service = await starting.catch((error: unknown) => {
    if (!stopping) throw error;
  });
  if (service && !stopping) console.log(greeting(service, options, performance.now()));
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
