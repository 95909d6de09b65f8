/** `npm run demo`: the idea of cells and of cell0, shown on a real deployment that lives for a few seconds. */
import { createReport, milliseconds, paint } from './demo/report.ts';
import { runScenario } from './demo/scenario.ts';
import { Unexpected } from './demo/unexpected.ts';
import { startService } from './deployment/service.ts';
import { onStopSignal } from './processes/stop-signals.ts';

// The functions log for their operator, who is not here.
console.info = () => {};
const report = createReport((line) => console.log(line));
const starting = startService({ dataDir: undefined, cells: 2, hosts: 2, host: '127.0.0.1', port: 0 });
let interrupted = false;
onStopSignal(() => {
  interrupted = true;
  void starting.then((service) => service.stop()).finally(() => process.exit(130));
});

try {
  await runScenario(starting, report);
  await (await starting).stop();
  report.took('stopped and removed in');
  report.end(`All as it should be, in ${milliseconds(performance.now())}. To keep a cloud like this one: npm start`);
} catch (error) {
  if (!interrupted) await fail(error);
}

async function fail(error: unknown): Promise<void> {
  if (error instanceof Unexpected) console.error(paint('bad', `\n   This should not have happened: ${error.message}\n`));
  else console.error(error);
  await starting.then(
    (service) => service.stop(),
    () => undefined,
  );
  process.exit(1);
}
