/** `npm run emulate`: deploys everything with `cdk` into an emulator on this machine and serves it until it is stopped. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { advice } from './emulate/advice.ts';
import { greeting } from './emulate/greeting.ts';
import { runEmulatedCloud } from './emulator/emulated-cloud.ts';
import { onStopSignal } from './processes/stop-signals.ts';
import { wholeNumber } from './processes/whole-number.ts';

const command = new Command('npm run emulate --')
  .description('Deploys Cellzero with "cdk" into MiniStack, an emulator of AWS, and serves it until Ctrl-C. Nothing leaves this machine.')
  .option('--port <number>', "where the emulator listens, 0 takes a free port (MiniStack's own is 4566)", wholeNumber(65_535), 4_566)
  .option('--localstack', 'deploy into a LocalStack that runs, instead of MiniStack: docs/emulator.md says how')
  .option('--data-dir <dir>', 'where to put clouds.yaml and logs', '.cellzero-emulated')
  .parse();
const options = command.opts<{ port: number; localstack?: true; dataDir: string }>();
const dataDir = resolve(options.dataDir);

const controller = new AbortController();
onStopSignal(() => controller.abort());
try {
  await runEmulatedCloud({
    dataDir,
    port: options.port,
    localstack: options.localstack ?? false,
    signal: controller.signal,
    report: (step) => console.log(`${(performance.now() / 1_000).toFixed(1).padStart(6)} s  ${step}`),
    serve: (cloud) => console.log(greeting(cloud, dataDir, performance.now())),
  });
  process.exit(0);
} catch (error) {
  console.error(advice(error) ?? error);
  process.exit(1);
}
