/** `cellzero audit`: what is broken, for people and for scripts. */
import { type Command, Option } from 'commander';
import { type AuditReport, audit, defaultPatience, isClean } from '../../compute/audit/audit.ts';
import { type Finding, kinds } from '../../compute/audit/findings.ts';
import { type CommonOptions, exitHelp, type Perform, part, whichDeployment, wholeNumber } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { duration } from '../output/duration.ts';
import { table, wrap } from '../output/table.ts';

/** Adds `cellzero audit`. */
export function addAudit(root: Command, perform: Perform): void {
  part(root, 'audit')
    .summary('list every broken property with the rows concerned')
    .description(
      `Reads all databases and lists every broken property with the rows concerned. It changes nothing and may run beside a busy cloud: servers whose rows contradict each other are rechecked before they count. Cells that sleep are woken.`,
    )
    .option('--settled', 'nothing is at work on the cloud: what is unfinished is stuck, and no second recheck is needed')
    .addOption(
      new Option(
        '--patience <seconds>',
        `for how long a boot may last, and the reaper may leave something undone (${defaultPatience})`,
      ).argParser(wholeNumber),
    )
    .addHelpText('after', auditHelp)
    .action((options: CommonOptions & { settled?: true; patience?: number }) =>
      perform(options, async (api) => {
        const { settled = false, patience } = options;
        const report = await audit(api, { settled, ...(patience === undefined ? {} : { patience }) });
        const clean = isClean(report);
        return { json: { clean, ...report }, text: () => auditText(report), code: clean ? exitCodes.success : exitCodes.failure };
      }),
    );
}

const auditHelp = () => `
Examples:
  cellzero audit
  cellzero audit --json | jq -r '.findings[] | [.kind, .ids.server] | @tsv'
  cellzero audit --settled --data-dir /srv/cellzero   # its service is stopped

What it finds:
${kindsText()}
Cleanups that cells still need are listed as pending: the reaper does them.
${whichDeployment}
${exitHelp('everything was read, and nothing is broken\n  1  something is broken, or a cell could not be read')}`;

function kindsText(): string {
  const byProperty = Map.groupBy(Object.entries(kinds), ([, { property }]) => property);
  const width = Math.max(...Object.keys(kinds).map((kind) => kind.length));
  return [...byProperty]
    .map(([property, found]) => {
      const lines = found.map(([kind, { meaning }]) => `    ${kind.padEnd(width)}  ${meaning}`);
      return [`  ${property}`, ...lines].join('\n');
    })
    .join('\n');
}

/** Characters of a sentence on one line. */
const sentenceWidth = 60;

/** Returns findings as a table. */
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

/** Returns a report as a person reads it. */
export function auditText(report: AuditReport): string {
  const { cells, servers, findings, pending, unreadable } = report;
  const parts: string[] = [];
  if (findings.length > 0) parts.push(findingsTable(findings));
  if (pending.length > 0) {
    const rows = pending.map(({ cell, servers, overdue }) => [cell, String(servers), overdue > 0 ? duration(overdue) : '']);
    parts.push(`Pending, not broken: the reaper finishes it.\n${table(['Cell', 'Servers', 'Overdue for'], rows)}`);
  }
  if (unreadable.length > 0) {
    const rows = unreadable.map(({ cell, reason }) => [cell, wrap(reason, sentenceWidth)]);
    parts.push(`Not read to the end: nothing is known of what only these hold.\n${table(['Cell', 'Why'], rows)}`);
  }
  const verdict = isClean(report) ? 'clean' : `${findings.length} broken`;
  parts.push(`Audit of ${servers} ${servers === 1 ? 'server' : 'servers'} in ${cells.length} cells (${cells.join(', ')}): ${verdict}.`);
  return parts.join('\n\n');
}
