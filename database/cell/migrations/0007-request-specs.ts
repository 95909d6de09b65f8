/** What the client asked of the scheduler, as far as a server shows it: its cell says it without the api database. Null where a release before this one wrote the row. */

const column = 'add column request_spec jsonb';

export const requestSpecs = {
  version: 7,
  name: 'request-specs',
  sql: `alter table instance_extra ${column}; alter table shadow_instance_extra ${column};`,
};
