import type { Migration } from '../../migrator/migration.ts';
import { instancesAndHosts } from './0001-instances-and-hosts.ts';
import { shadowTables } from './0002-shadow-tables.ts';
import { fencingTokens } from './0003-fencing-tokens.ts';
import { fencedInstances } from './0004-fenced-instances.ts';
import { metadataAndTags } from './0005-metadata-and-tags.ts';
import { tasks } from './0006-tasks.ts';
import { requestSpecs } from './0007-request-specs.ts';
import { endsOfActions } from './0008-ends-of-actions.ts';
import { guestsToEnd } from './0009-guests-to-end.ts';
import { rebuilds } from './0010-rebuilds.ts';
import { closedRows } from './0011-closed-rows.ts';
import { secrets } from './0012-secrets.ts';
import { hostReports } from './0013-host-reports.ts';
import { moves } from './0014-moves.ts';

/** The whole history of a cell database, in order; cell0 has the same, so a reader needs no special case. */
export const cellMigrations: readonly Migration[] = [
  instancesAndHosts,
  shadowTables,
  fencingTokens,
  fencedInstances,
  metadataAndTags,
  tasks,
  requestSpecs,
  endsOfActions,
  guestsToEnd,
  rebuilds,
  closedRows,
  secrets,
  hostReports,
  moves,
];
