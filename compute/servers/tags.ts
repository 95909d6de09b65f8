/** Tags of a server. Unlike its metadata they are not guarded by a lock, and a server need never have run. */
import { BadRequest, NotFound } from '../../common/errors.ts';
import { findInstanceMapping } from '../../database/api/servers/instance-mappings.ts';
import { changeTags, type Tags } from '../../database/cell/instances/metadata-and-tags.ts';
import type { Database } from '../../database/data-api/client.ts';
import type { ChangeOf } from './change-in-cell.ts';
import { type Change, type Changed, changeableIn, changeBy } from './change-metadata-or-tags.ts';
import { checkVmState } from './check-state.ts';
import { findMapping } from './find-server.ts';
import { whileItStays } from './while-it-stays.ts';

/** How many a server may have. */
export const mostTags = 50;

/**
 * Sets all tags of a server, and returns them in the order in which they are shown.
 * @throws NotFound when it is not there for the caller, Conflict when its state does not allow it, DatabaseUnreachable when its cell does not answer.
 */
export async function replaceTags(api: Database, of: ChangeOf, tags: string[]): Promise<string[]> {
  return (await change(api, of, 'update tags', { replace: tags })).after;
}

/**
 * Removes all tags.
 * @throws what replaceTags throws.
 */
export async function deleteTags(api: Database, of: ChangeOf): Promise<void> {
  await change(api, of, 'delete tags', { replace: [] });
}

/**
 * Adds a tag.
 * @param problem what is wrong with the tag, if something is; it counts after the state of the server.
 * @returns false when the server had it already.
 * @throws BadRequest when there are as many as there may be, or for the problem; and what replaceTags throws.
 */
export async function addTag(api: Database, of: ChangeOf, tag: string, problem: string | undefined): Promise<boolean> {
  const { before, done } = await change(api, of, 'update tag', { add: problem === undefined ? [tag] : [] });
  if (problem !== undefined) throw new BadRequest(problem);
  if (!done && before.length >= mostTags) throw new BadRequest(`The number of tags exceeded the per-server limit ${mostTags}`);
  return done;
}

/**
 * Removes a tag.
 * @throws NotFound when there is none, and what replaceTags throws.
 */
export async function deleteTag(api: Database, of: ChangeOf, tag: string): Promise<void> {
  const { done } = await change(api, of, 'delete tag', { remove: tag });
  if (!done) throw new NotFound(`Instance ${of.server} has no tag '${tag}'`);
}

async function change(api: Database, of: ChangeOf, action: string, asked: Change<Tags>): Promise<Changed<Tags>> {
  const conditions = { launched: false, unlocked: false, most: mostTags };
  const changed = await whileItStays(api, of.server, async () => {
    const mapping = await findMapping(api, of.caller, of.server, findInstanceMapping);
    return await changeBy(changeTags, mapping, mapping.buildRequest?.tags, asked, conditions, of.requestId);
  });
  if (!changed.done) checkVmState(of.server, action, changed.vm_state, changeableIn);
  return changed;
}
