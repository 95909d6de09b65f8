/**
 * A server that an operator sends through another boot leaves its cell, and what it is stands in the api database from then on: a change that its row took in
 * after it was read would be lost. So the row is closed before it is read, up to the token that its mapping has then, and refuses changes until a writer with
 * a later token opens it. No statement has to ask, and none can forget it.
 */
export const closedRows = {
  version: 11,
  name: 'closed-rows',
  sql: `
alter table instances add column closed_to integer;
alter table shadow_instances add column closed_to integer;

create function refuse_change() returns trigger language plpgsql as $body$
begin
  raise object_in_use using message = format('server %s is about to leave this cell', old.uuid);
end $body$;
create trigger closed before update on instances for each row
  when (old.closed_to is not null and new.closed_to is not distinct from old.closed_to) execute function refuse_change();
`,
};
