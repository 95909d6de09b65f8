/** Actions that take a server to another flavor or host, as requests ask for them. */
import type * as z from 'zod';
import { authorize } from '../../../../common/policy.ts';
import type { ApiRequest } from '../../http/routing/route.ts';
import type { migrateBody, resizeBody } from './action-bodies.ts';
import { perform } from './perform-action.ts';

/** With the scheduler in them, which few requests need: not a part of a cold start. */
const moves = () => import('../../../../compute/servers/moves/begin-move.ts');

/** Begins a resize. */
export async function resize(request: ApiRequest<z.infer<typeof resizeBody>>) {
  const { flavorRef: flavorId, 'OS-DCF:diskConfig': diskConfig } = request.body.resize;
  const autoDiskConfig = diskConfig === undefined ? null : diskConfig === 'AUTO';
  await perform(request, async (tasks, of) => (await moves()).resizeServer(tasks, { ...of, flavorId, autoDiskConfig }));
  return undefined;
}

/** Begins the confirmation of a resize, or its return. */
export function endingResize(kind: 'confirmResize' | 'revertResize') {
  return async (request: ApiRequest<object>) => {
    await perform(request, async (tasks, of) => (await moves()).endResize(tasks, of, kind));
    return undefined;
  };
}

/** Begins a migration; who names a host needs a right of its own. */
export async function migrate(request: ApiRequest<z.infer<ReturnType<typeof migrateBody>>>) {
  const host = request.body.migrate?.host ?? null;
  if (host !== null) authorize(request.caller, 'os_compute_api:os-migrate-server:migrate:host');
  await perform(request, async (tasks, of) => (await moves()).migrateServer(tasks, { ...of, host }));
  return undefined;
}
