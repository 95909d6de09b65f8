/** The `create` action of a server, as a cell records it. */
import type { BuildRequest } from '../../database/api/servers/build-requests.ts';
import type { CreateAction, Instance, RecordedAction, RecordedEvent } from '../../database/servers/document.ts';

/**
 * Returns what was done to a server: its `create` action with an event for this try, and after it the actions of the cell where it was before. Each try of a
 * server that was sent through another boot has an event of its own; the action ends as the last of them.
 */
export function recordBuild(
  { requestId, former }: Pick<BuildRequest, 'requestId' | 'former'>,
  { user_id, project_id, created_at }: Instance,
  event: Omit<RecordedEvent, 'start_time'>,
): [CreateAction, ...RecordedAction[]] {
  const first = { action: 'create', request_id: requestId ?? '', user_id, project_id, start_time: created_at, events: [] };
  const earlier = former?.actions ?? [];
  const create = earlier.find(({ action }) => action === first.action) ?? first;
  const { finish_time, result } = event;
  return [
    {
      ...create,
      ...{ finish_time, message: result === 'Error' ? result : null, updated_at: null },
      events: [{ ...event, start_time: former?.since ?? created_at }, ...create.events],
    },
    ...earlier.filter((one) => one !== create),
  ];
}
