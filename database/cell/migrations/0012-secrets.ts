/**
 * The password and the files for the inside of a guest, sealed (database/servers/document.ts). They are kept until a host has begun to build the server, or its
 * build has ended any other way; a trigger wipes them in the very statement that says so, so no statement can forget it, and none writes them into cell0.
 */
const column = 'add column secrets jsonb';

export const secrets = {
  version: 12,
  name: 'secrets',
  sql: `
alter table instances ${column};
alter table shadow_instances ${column};

create function wipe_secrets() returns trigger language plpgsql as $body$
begin
  new.secrets := nullif(new.secrets - 'sealed', '{}');
  return new;
end $body$;
create trigger secrets_are_wiped before insert or update on instances for each row
  when (new.secrets is not null and (new.vm_state <> 'building' or new.task is not null or new.deleted <> 0)) execute function wipe_secrets();
`,
};
