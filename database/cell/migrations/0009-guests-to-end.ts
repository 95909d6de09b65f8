/**
 * Guests that a host which is down may run of servers that have left it: ended when the host is back. They outlive their servers, and need no row of one. The
 * token is that of the last owner who had the server there; a later one that has it there again is left alone.
 */

export const guestsToEnd = {
  version: 9,
  name: 'guests-to-end',
  sql: `
create table guests_to_end (
  host text not null,
  instance_uuid uuid not null,
  fencing_token integer not null,
  created_at timestamptz not null default now(),
  primary key (host, instance_uuid)
);
`,
};
