/** The host that a server moves to: picked as for a boot, in its cell, and claimed; what the server has where it is now stays its migration's. */

import { findMoveState } from '../../../database/api/scheduler/scheduling-state.ts';
import { claimMove } from '../../../database/api/servers/migration-consumers.ts';
import type { ServerInMove } from '../../../database/cell/moves.ts';
import type { Database } from '../../../database/data-api/client.ts';
import type { Move, MoveFlavor } from '../../../database/servers/move.ts';
import { defaultLimits } from '../../quotas/instance-quota.ts';
import { configuration } from '../../scheduler/configuration.ts';
import { findHosts } from '../../scheduler/find-hosts.ts';
import { overriddenResources } from '../../scheduler/requested-resources.ts';

/** A server cannot go where it is asked to. */
export class CannotMove extends Error {
  override name = 'CannotMove';
}

/** Returns the flavor without the id of its row. */
export function flavorOf({ id: _, ...flavor }: MoveFlavor) {
  return flavor;
}

/**
 * Claims a host for a server that moves.
 * @returns the host with its zone, also when an earlier run has claimed it; undefined when the server is deleted or has another owner.
 * @throws NoValidHost or CannotMove when there is none; nothing is claimed then.
 */
export async function claimDestination(
  api: Database,
  { uuid, host, fencing_token, flavor: current }: ServerInMove,
  migration: string,
  { flavor: wanted, requested_host }: Move,
  allowSameHost: boolean,
): Promise<{ host: string; zone: string } | undefined> {
  if (wanted && wanted.root_gb < current.root_gb) throw new CannotMove('Resize error: Unable to resize disk down.');
  const flavor = flavorOf(wanted ?? current);
  const moving = {
    ...{ uuid, fencing_token, migration },
    changes: {
      flavor,
      resources: overriddenResources(flavor.extra_specs),
      ...(requested_host !== null && { requested_host: { host: requested_host, node: null } }),
    },
    ignoredHosts: wanted && allowSameHost ? [] : [host],
  };
  const { state, selections } = await findHosts({
    servers: 1,
    settings: configuration,
    read: (reading) => findMoveState(api, moving, reading),
    async claim(selected, { need }, group) {
      const [{ host: destination } = { host: undefined }] = selected.values();
      if (!destination) return false;
      const limits = { cores: defaultLimits.cores, ram: defaultLimits.ram };
      const claim = { migration, provider: destination.provider, resources: need, flavor, defaultLimits: limits };
      const claimed = await claimMove(api, { uuid, fencing_token }, claim, group);
      if (claimed.overQuota)
        throw new CannotMove('Quota exceeded for cores, ram: other servers of the project took what the larger flavor needs.');
      return claimed.host === destination.host;
    },
  });
  const [earlier] = state.placed;
  const [selected] = selections.values();
  const { host: destination, zone } = earlier ?? selected?.host ?? {};
  return destination === undefined || zone === undefined ? undefined : { host: destination, zone };
}
