/**
 * A move: what takes a server to another flavor or host, or back. Its task stands in the server's row and says how far it is; from the moment it has claimed a
 * host a row of `migrations` records it, until both hosts agree which of them has the server.
 */
import type { InstanceFlavor } from './document.ts';

/** A flavor with the id that the server's row has of it. */
export interface MoveFlavor extends InstanceFlavor {
  id: number | null;
}

/** What a task knows of the move that it makes. */
export interface Move {
  /** uuid of the migration; null where the server has one already that is confirmed or reverted. */
  migration: string | null;
  /** The flavor to be; null keeps the one that it has. */
  flavor: MoveFlavor | null;
  /** What the disk's size follows from now on; null leaves it. */
  auto_disk_config: boolean | null;
  /** Name of the only host that will do; null for any. */
  requested_host: string | null;
  /** The host that is claimed, with its zone; null until one is. */
  claimed: { host: string; zone: string } | null;
  /** How many of its steps are done. */
  step: number;
}

/** Which of its two hosts a server has when a move is over: the one that it claimed, or the one that it had. */
export type MoveOutcome = 'kept' | 'reverted';

/** Nova's states of a migration. */
export type MigrationStatus =
  | ('accepted' | 'queued' | 'preparing' | 'pre-migrating' | 'migrating' | 'post-migrating' | 'finished' | 'confirming' | 'confirmed')
  | ('reverting' | 'reverted' | 'running' | 'completed' | 'cancelled' | 'error' | 'failed' | 'done');

/** What Nova calls the kinds of moves. */
export type MigrationType = 'resize' | 'migration' | 'live-migration' | 'evacuation';

/** The row of a migration, as far as a move needs it. */
export interface OpenMigration {
  uuid: string;
  source_compute: string;
  dest_compute: string;
  old_flavor: MoveFlavor;
  new_flavor: MoveFlavor;
}
