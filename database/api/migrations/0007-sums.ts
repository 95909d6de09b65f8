/** What adds up integers, or is their product, does not fit into one: the cores of a project, the disk of a flavor (root, ephemeral and swap). */

export const sums = {
  version: 7,
  name: 'sums',
  sql: `
-- The condition of a trigger keeps its columns from changing their type.
drop trigger never_negative on quota_usages;
alter table quota_usages alter column cores type bigint;
create trigger never_negative after insert or update on quota_usages for each row
  when (least(new.instances, new.cores, new.ram) < 0) execute function refuse_negative_use();

alter table allocations alter column used type bigint;
`,
};
