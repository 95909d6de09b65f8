/** What keeps the register of cells and the archive honest and quick. */

export const archive = {
  version: 5,
  name: 'archive',
  sql: `
-- A cell is its database: two cells on one would each hold the other's servers.
create unique index on cell_mappings (database_connection);

-- The archive goes through the deleted servers of a cell.
create index on instance_mappings (cell_id, id) where queued_for_delete;
`,
};
