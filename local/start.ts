/** `npm start`: serves a deployment on this machine until it is told to stop. */
import { parseArgs } from 'node:util';
import { PortInUse } from './gateway.ts';
import { DataDirectoryInUse } from './postgres.ts';
import { startService } from './service.ts';

const usage = `Usage: npm start -- [options]
  --port N        where to listen (8774)
  --host ADDRESS  on which address (127.0.0.1)
  --data-dir DIR  where to keep the data (.cellzero)
  --ephemeral     keep no data
  --cells N       live cells (2)
  --hosts N       simulated hosts in each cell (2)`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8774' },
    host: { type: 'string', default: '127.0.0.1' },
    'data-dir': { type: 'string', default: '.cellzero' },
    ephemeral: { type: 'boolean', default: false },
    cells: { type: 'string', default: '2' },
    hosts: { type: 'string', default: '2' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}

try {
  const began = performance.now();
  const service = await startService({
    dataDir: values.ephemeral ? undefined : values['data-dir'],
    cells: count(values.cells, '--cells'),
    hosts: count(values.hosts, '--hosts'),
    host: values.host,
    port: count(values.port, '--port'),
  });
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  console.log(`Cellzero is ready on ${service.url} after ${seconds} s, with ${values.cells} cells of ${values.hosts} hosts.

Try:
  export OS_CLIENT_CONFIG_FILE=${service.cloudsFile} OS_CLOUD=cellzero
  openstack server create --image cirros --flavor m1.small --nic none --wait first
  openstack server list

Ctrl-C stops it.`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void service.stop().then(() => process.exit(0)));
} catch (error) {
  if (!(error instanceof PortInUse || error instanceof DataDirectoryInUse || error instanceof RangeError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exit(1);
}

function count(text: string, option: string): number {
  const number = Number(text);
  if (text === '' || !Number.isSafeInteger(number) || number < 0) throw new RangeError(`${option} takes a whole number, not "${text}"`);
  return number;
}
