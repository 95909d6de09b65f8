/** Actions that take a server to another flavor or host, as requests ask for them. */
import type * as z from 'zod';
import { authorize } from '../../../../common/policy.ts';
import type { ChangeOf } from '../../../../compute/servers/change-in-cell.ts';
import type * as Moves from '../../../../compute/servers/moves/begin-move.ts';
import type { Tasks } from '../../../../compute/servers/tasks/tasks.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { hostDriver } from '../../../shared/host-driver.ts';
import { identify, log } from '../../../shared/observation/invocation.ts';
import { settings } from '../../../shared/settings.ts';
import { scheduleReaper } from '../../../workflows/reaper/schedule.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import type { migrateBody, resizeBody } from './action-bodies.ts';
import { changeOf } from './change-of.ts';

/** A move, which a reaper will look after; an error of a host is for our log, since it is accepted. */
async function move(
  request: Pick<ApiRequest, 'caller' | 'requestId' | 'params'>,
  begin: (moves: typeof Moves, tasks: Tasks, of: ChangeOf) => Promise<Moves.BegunMove>,
) {
  const of = changeOf(request);
  identify({ servers: [of.server] });
  await scheduleReaper();
  // With the scheduler in them, which few requests need: not a part of a cold start.
  const moves = await import('../../../../compute/servers/moves/begin-move.ts');
  const { error } = await begin(moves, { api: apiDatabase(), driver: hostDriver(), settings: settings() }, of);
  if (error !== undefined) log().warn('the move stopped on its way; the reaper goes on', { error });
  return undefined;
}

/** Begins a resize. */
export function resize(request: ApiRequest<z.infer<typeof resizeBody>>) {
  const { flavorRef: flavorId, 'OS-DCF:diskConfig': diskConfig } = request.body.resize;
  const autoDiskConfig = diskConfig === undefined ? null : diskConfig === 'AUTO';
  return move(request, (moves, tasks, of) => moves.resizeServer(tasks, { ...of, flavorId, autoDiskConfig }));
}

/** Begins the confirmation of a resize, or its return. */
export function endingResize(kind: 'confirmResize' | 'revertResize') {
  return (request: ApiRequest<object>) => move(request, (moves, tasks, of) => moves.endResize(tasks, of, kind));
}

/** Begins a migration; who names a host needs a right of its own. */
export function migrate(request: ApiRequest<z.infer<ReturnType<typeof migrateBody>>>) {
  const host = request.body.migrate?.host ?? null;
  if (host !== null) authorize(request.caller, 'os_compute_api:os-migrate-server:migrate:host');
  return move(request, (moves, tasks, of) => moves.migrateServer(tasks, { ...of, host }));
}
