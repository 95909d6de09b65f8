/** Runs on days on which something was begun (`start.ts`), because it wakes every database. */
import { audit, isClean } from '../../../compute/audit/audit.ts';
import { apiDatabase } from '../../shared/database.ts';
import { type InvocationContext, log, measure, observed } from '../../shared/observation/invocation.ts';

/** Looks for anything that does not fit together, in all databases: a line for each finding, and their number as a metric. */
export const handler = (_event?: unknown, context?: InvocationContext): Promise<void> =>
  observed('auditor', context, async () => {
    const report = await audit(apiDatabase());
    const { cells, findings, servers, unreadable } = report;
    measure('AuditFindings', findings.length);
    for (const { kind, ids, sentence } of findings) log().error('finding', { kind, ids, sentence });
    for (const { cell, reason } of unreadable) log().warn('a cell could not be read', { cell, reason });
    log().info('audited', { clean: isClean(report), cells, servers, findings: findings.length });
  });
