/** Which execution of the boot workflow wrote a server, and with which token: see database/servers/ownership.ts. */

const columns = 'add column execution text, add column fencing_token integer not null default 0';

export const fencingTokens = {
  version: 3,
  name: 'fencing-tokens',
  sql: `alter table instances ${columns}; alter table shadow_instances ${columns};`,
};
