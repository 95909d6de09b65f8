/**
 * When a cleanup was last noted. Whoever notes one goes on in the cell a moment later, so a reaper that finds nothing there yet must look once more, also
 * where the cleanup was due already.
 */

export const lastNoted = {
  version: 12,
  name: 'last-noted',
  sql: 'alter table pending_cleanups add column noted_at timestamptz not null default now();',
};
