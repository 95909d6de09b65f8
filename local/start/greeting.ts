/** What `npm start` says when it is ready. */
import type { Service, ServiceOptions } from '../deployment/service.ts';

/**
 * Says that the service is ready, what it is, and what to type next.
 * @param milliseconds since the process began.
 */
export function greeting(
  { url, cloudsFile }: Pick<Service, 'url' | 'cloudsFile'>,
  { host, cells, hosts, dataDir }: ServiceOptions,
  milliseconds: number,
): string {
  const warning = `
Warning: ${host} is not this machine's loopback: anybody who reaches it can log in over plain HTTP.
`;
  return `Cellzero is ready on ${url} after ${(milliseconds / 1_000).toFixed(1)} s.
It has ${counted(cells, 'live cell')} of ${counted(hosts, 'simulated host')}, and cell0; ${dataDir === undefined ? 'its data goes when it stops' : `its data is in ${dataDir}`}.
${isLoopback(host) ? '' : warning}
${firstSteps(cloudsFile)} Ctrl-C stops Cellzero.`;
}

/** What to type next, as client of a cloud. */
export function firstSteps(cloudsFile: string): string {
  return `In another terminal, with the openstack command (pip install python-openstackclient):

  export OS_CLIENT_CONFIG_FILE=${quoted(cloudsFile)} OS_CLOUD=cellzero
  openstack server create --image cirros --flavor m1.small --nic none --wait first
  openstack server list

The cloud cellzero-admin in the same file is the admin.`;
}

function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
