import type { Migration } from '../../migrator/migration.ts';
import { cellsAndPlacement } from './0001-cells-and-placement.ts';
import { identityAndImage } from './0002-identity-and-image.ts';
import { keyPairsAndServerGroups } from './0003-key-pairs-and-server-groups.ts';
import { scheduling } from './0004-scheduling.ts';
import { archive } from './0005-archive.ts';
import { fencingTokens } from './0006-fencing-tokens.ts';
import { sums } from './0007-sums.ts';
import { flavorRequests } from './0008-flavor-requests.ts';
import { simulatedHosts } from './0009-simulated-hosts.ts';
import { dueTimes } from './0010-due-times.ts';
import { cleanupGenerations } from './0011-cleanup-generations.ts';
import { lastNoted } from './0012-last-noted.ts';
import { quotaOfServers } from './0013-quota-of-servers.ts';
import { hostCleanups } from './0014-host-cleanups.ts';
import { snapshots } from './0015-snapshots.ts';
import { secondChances } from './0016-second-chances.ts';
import { migrationConsumers } from './0017-migration-consumers.ts';

/** The whole history of the api database, in order. */
export const apiMigrations: readonly Migration[] = [
  cellsAndPlacement,
  identityAndImage,
  keyPairsAndServerGroups,
  scheduling,
  archive,
  fencingTokens,
  sums,
  flavorRequests,
  simulatedHosts,
  dueTimes,
  cleanupGenerations,
  lastNoted,
  quotaOfServers,
  hostCleanups,
  snapshots,
  secondChances,
  migrationConsumers,
];
