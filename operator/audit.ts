/** `cellzero audit`: what is broken, for people and for scripts. */
import { type AuditReport, isClean } from '../compute/audit/audit.ts';
import type { Finding } from '../compute/audit/kinds.ts';
import { duration } from './duration.ts';
import { table, wrap } from './table.ts';

/** Characters of a sentence on one line. */
const sentenceWidth = 60;

/** Gives findings as a table. */
export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map(({ property, kind, ids, sentence }) => [
    wrap(property, 24),
    kind,
    Object.entries(ids)
      .map(([name, id]) => `${name} ${id}`)
      .join('\n'),
    wrap(sentence, sentenceWidth),
  ]);
  return table(['Broken property', 'Kind', 'Concerns', 'What is wrong'], rows);
}

/** Gives a report as a person reads it. */
export function auditText(report: AuditReport): string {
  const { cells, servers, findings, pending, unreadable } = report;
  const parts: string[] = [];
  if (findings.length > 0) parts.push(findingsTable(findings));
  if (pending.length > 0) {
    const rows = pending.map(({ cell, servers, oldest }) => [cell, String(servers), duration(oldest)]);
    parts.push(`Pending, not broken: the reaper finishes it.\n${table(['Cell', 'Servers', 'Oldest'], rows)}`);
  }
  if (unreadable.length > 0) {
    const rows = unreadable.map(({ cell, reason }) => [cell, wrap(reason, sentenceWidth)]);
    parts.push(`Not read to the end: nothing is known of what only these hold.\n${table(['Cell', 'Why'], rows)}`);
  }
  const verdict = isClean(report) ? 'clean' : `${findings.length} broken`;
  parts.push(`Audit of ${servers} ${servers === 1 ? 'server' : 'servers'} in ${cells.length} cells (${cells.join(', ')}): ${verdict}.`);
  return parts.join('\n\n');
}
