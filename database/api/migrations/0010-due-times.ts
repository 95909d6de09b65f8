/** When a pending cleanup is due; null for one that follows a heartbeat, and is due when that is old. What was noted before is of that sort. */

export const dueTimes = {
  version: 10,
  name: 'due-times',
  sql: 'alter table pending_cleanups add column due_at timestamptz;',
};
