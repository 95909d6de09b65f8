/**
 * Traces of X-Ray. Lambda makes a segment of each invocation; what happens within, its statements above all, we send as one subsegment to the daemon beside
 * the function. It is annotated with the ids, so a request id leads to the trace of the request, the workflow it started, and every statement.
 * The SDK of X-Ray, on which Powertools' Tracer stands, would be a quarter of a bundle (docs/decisions/0012).
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Call } from '../../../database/data-api/client.ts';

/** Ids that lead from a client's request to everything that was done for it. */
export interface Ids {
  /** `req-…`, as the client sees it. Null where a boot goes on that nobody remembers the request of. */
  request_id?: string | null | undefined;
  reservation?: string | undefined;
  execution?: string | undefined;
  servers?: readonly string[] | undefined;
}

/** What happened in an invocation; times are milliseconds since 1970. */
export interface Trace {
  service: string;
  ids: Ids;
  startedAt: number;
  endedAt: number;
  calls: readonly Call[];
  error: unknown;
}

/** A document holds 64 KB. */
const mostCalls = 60;
const longestSql = 500;

/** Sends the trace of an invocation, if X-Ray has picked it as a sample. */
export async function sendTrace({ ids, calls, ...whole }: Trace): Promise<void> {
  const { AWS_XRAY_DAEMON_ADDRESS: daemon = '', _X_AMZN_TRACE_ID: header = '' } = process.env;
  const { Root, Parent, Sampled } = Object.fromEntries(header.split(';').map((part) => part.split('=')));
  if (Sampled !== '1' || !Root || !Parent || !daemon) return;
  await send(daemon, {
    ...part(whole.service, whole),
    type: 'subsegment',
    trace_id: Root,
    parent_id: Parent,
    annotations: annotations(ids),
    subsegments: calls.slice(0, mostCalls).map((call) => ({
      ...part(clusterOf(call), call),
      namespace: 'remote',
      sql: { database_type: 'PostgreSQL', sanitized_query: call.sql.slice(0, longestSql) },
    })),
  });
}

/** The ids to search by, without those that are not known. */
export function annotations({ request_id, reservation, execution }: Ids): Record<string, string> {
  return Object.fromEntries(Object.entries({ request_id, reservation, execution }).flatMap(([name, id]) => (id ? [[name, id]] : [])));
}

/** The name of the cluster that a statement was for. */
export function clusterOf({ database }: Call): string {
  return database.clusterArn.split(':').at(-1) ?? '';
}

function part(name: string, { startedAt, endedAt, error }: Pick<Trace, 'startedAt' | 'endedAt' | 'error'>): object {
  return { name, id: randomBytes(8).toString('hex'), start_time: startedAt / 1000, end_time: endedAt / 1000, fault: error !== undefined };
}

/** Waits until it is out, because Lambda freezes the function after its answer; a trace that is lost harms nobody. */
async function send(daemon: string, document: object): Promise<void> {
  const [host = '', port = ''] = daemon.split(':');
  const socket = createSocket('udp4').on('error', () => {});
  await new Promise((sent) => socket.send(`{"format":"json","version":1}\n${JSON.stringify(document)}`, Number(port), host, sent));
  socket.close();
}
