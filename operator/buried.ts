/** `cellzero buried`: what is in cell0, and why. */
import type { Burials } from '../database/cell/audit.ts';
import { table } from './table.ts';

/** Gives the burials as a person reads them. */
export function buriedText(burials: readonly Burials[]): string {
  if (burials.length === 0) return 'Nothing is buried.';
  const rows = burials.map(({ day, cause, project, servers, first, last }) => [day, cause, project, String(servers), first, last]);
  const total = burials.reduce((sum, { servers }) => sum + servers, 0);
  return `${table(['Day (UTC)', 'First cause', 'Project', 'Servers', 'First', 'Last'], rows)}

${total} ${total === 1 ? 'server' : 'servers'} in cell0. "cellzero explain <server>" tells the whole reason of one.`;
}
