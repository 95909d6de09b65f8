/** `cellzero explain`: what became of one server, with every reason in full. */
import type { Command } from 'commander';
import { isUuid } from '../../common/uuid.ts';
import { type Explanation, explain } from '../../compute/servers/explain.ts';
import { findServersByName, type NamedServer } from '../../compute/servers/find-by-name.ts';
import type { Database } from '../../database/data-api/client.ts';
import { type CommonOptions, helpEnd, type Outcome, type Perform, part } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { table, visible } from '../output/table.ts';
import { findingsTable } from './audit.ts';

/** Adds `cellzero explain`. */
export function addExplain(root: Command, perform: Perform): void {
  part(root, 'explain')
    .summary('show where a server is, what became of it, and why')
    .description(
      'Shows where a server is, what became of it, and why: its fault with the whole reason, its allocations, its actions. Deleted ones too.',
    )
    .argument('<server>', 'id of the server, or its name; by a name all cells are asked')
    .addHelpText(
      'after',
      helpEnd(
        `  cellzero explain 5f0c1a3e-7d0e-4a9b-8d43-2f6c9d1b7a10
  cellzero explain web-1 --json`,
        'success\n  1  not found, or several have the name',
      ),
    )
    .action((server: string, options: CommonOptions) =>
      perform(options, (api) => (isUuid(server) ? explainById(api, server.toLowerCase()) : explainByName(api, server))),
    );
}

async function explainById(api: Database, server: string): Promise<Outcome> {
  const explanation = await explain(api, server);
  if (!explanation) return notFound(server);
  return { json: explanation, text: () => explainText(explanation), code: exitCodes.success };
}

async function explainByName(api: Database, name: string): Promise<Outcome> {
  const { servers, failures } = await findServersByName(api, name);
  const warnings = failures.map(({ cell, reason }) => `${cell} could not be asked for the name: ${visible(reason)}`);
  const [server, ...others] = servers;
  if (!server) return { ...notFound(name), warnings };
  if (others.length === 0) return { ...(await explainById(api, server.uuid)), warnings };
  return { json: { servers }, text: () => severalText(name, servers), code: exitCodes.failure, warnings };
}

function notFound(server: string): Outcome {
  return { json: null, text: () => `Server ${visible(server)} not found.`, code: exitCodes.failure };
}

function severalText(name: string, servers: readonly NamedServer[]): string {
  const rows = servers.map(({ uuid, project, created, deleted }) => [uuid, project, created, deleted ? 'yes' : 'no']);
  return `Several servers are named ${visible(name)}; say which by its id.\n${table(['Server', 'Project', 'Accepted', 'Deleted'], rows)}`;
}

/** Returns what became of a server as a person reads it. */
export function explainText(explanation: Explanation): string {
  const { state, findings, unreadable } = explanation;
  const parts = [table(['Field', 'Value'], fields(explanation))];
  if (state?.fault) {
    const { code, message, details, created_at } = state.fault;
    parts.push(`Fault ${code}, ${time(created_at)}:\n${indented(reasons(message, details))}`);
  }
  parts.push(...actionParts(explanation));
  for (const { cell, reason } of unreadable) parts.push(`${cell} could not be read: ${visible(reason)}`);
  parts.push(findings.length > 0 ? `Findings of an audit:\n${findingsTable(findings)}` : 'An audit finds nothing wrong with it.');
  return parts.join('\n\n');
}

type Task = NonNullable<NonNullable<Explanation['state']>['task']>;

function fields({ server, entry, state }: Explanation): string[][] {
  const { buildRequest, allocations, pendingCleanups } = entry;
  const all: [string, string | null | undefined][] = [
    ['id', server],
    ['name', state?.name ?? buildRequest?.name],
    ['status', state?.status ?? (buildRequest ? 'BUILD' : null)],
    ['vm_state, task_state', state && `${state.vm_state}, ${state.task_state ?? 'none'}`],
    ['task', state?.task && taskText(state.task)],
    ['where', whereabouts(entry, state?.host ?? null)],
    ['deleted', entry.markedDeleted ? 'yes' : 'no'],
    ['project', entry.projectId],
    ['user', entry.userId],
    ['reservation', state?.reservation_id ?? buildRequest?.reservationId],
    ['flavor', state?.flavor],
    ['image', state?.image],
    ['accepted', time(entry.acceptedAt)],
    ['launched', time(state?.launched_at)],
    ['terminated', time(state?.terminated_at)],
    ['workflow', buildRequest && `${buildRequest.execution}, last heartbeat ${time(buildRequest.lastHeartbeat)}`],
    ['allocations', allocations.map(({ host, amounts }) => `${host}: ${amountsText(amounts)}`).join('\n') || 'none'],
    ['pending cleanups', pendingCleanups.join(', ')],
  ];
  return all.flatMap(([name, value]) => (value ? [[name, value]] : []));
}

/** What is being done, and how far it is. */
function taskText({ action, attempt, asked_at, due_at, request_id }: Task): string {
  const progress =
    due_at === null ? `its host was asked ${time(asked_at)}, attempt ${attempt}` : `its host has begun and is due ${time(due_at)}`;
  return `${action}, ${progress}, ${request_id}`;
}

/** A time within a document ends with +00:00, a column's with Z; people read one form. */
function time(timestamp: string | null | undefined): string {
  return timestamp?.replace(/\+00:00$/, 'Z') ?? '';
}

function amountsText(amounts: object): string {
  return Object.entries(amounts)
    .map(([resource, amount]) => `${resource} ${amount}`)
    .join(', ');
}

function whereabouts({ cell, buildRequest, markedDeleted }: Explanation['entry'], host: string | null): string {
  if (cell) return host === null ? `${cell.name}, on no host` : `${cell.name}, on ${host}`;
  if (buildRequest) return buildRequest.targetCell === null ? 'waits for a cell' : `on its way into ${buildRequest.targetCell}`;
  return markedDeleted ? 'nowhere: deleted before it had a cell' : 'nowhere';
}

/** The details usually begin with the message. */
function reasons(message: string, details: string | null): string {
  if (!details) return message;
  return details.startsWith(message) ? details : `${message}\n${details}`;
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${visible(line)}`)
    .join('\n');
}

function actionParts({ actions, state }: Explanation): string[] {
  if (actions.length === 0) return [];
  const rows = actions.flatMap(({ action: { action, request_id, start_time, message }, events }) => {
    const none = [[action, '-', time(start_time), '', message ?? '', '', request_id]];
    const rows = events.map((event) => [
      action,
      event.event,
      time(event.start_time),
      time(event.finish_time),
      event.result ?? '',
      event.host ?? '',
      request_id,
    ]);
    return rows.length > 0 ? rows : none;
  });
  const shown = new Set([state?.fault?.details, state?.fault?.message, undefined, null]);
  const details = actions
    .flatMap(({ events }) => events)
    .filter((event) => !shown.has(event.details))
    .map((event) => `Event ${event.event}:\n${indented(event.details ?? '')}`);
  return [table(['Action', 'Event', 'Start', 'Finish', 'Result', 'Host', 'Request'], rows), ...details];
}
