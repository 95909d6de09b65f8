/**
 * Where a server was before it was sent through another boot: its former cell, up to which token that holds a row of it, since when it waits again, and what
 * was done to it there. Null for one that waits for its first cell.
 */

export const secondChances = {
  version: 16,
  name: 'second-chances',
  sql: 'alter table build_requests add column former jsonb;',
};
