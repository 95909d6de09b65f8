/**
 * A cleanup that is noted again is due when it was due before: whoever asks a stalled server for something again and again must not keep the reaper from
 * it. So what distinguishes it from the one that a reaper has listed is a number, not its time.
 */

export const cleanupGenerations = {
  version: 11,
  name: 'cleanup-generations',
  sql: 'alter table pending_cleanups add column generation integer not null default 1;',
};
