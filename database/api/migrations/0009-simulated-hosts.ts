/**
 * How many simulated hosts the last deployment of a cell asked for, so that the next one adds those by which the number has grown and brings none back that
 * an operator deleted. Null for a cell that was registered before this was noted; its next deployment notes the number and adds none.
 */

export const simulatedHosts = {
  version: 9,
  name: 'simulated-hosts',
  sql: 'alter table cell_mappings add column simulated_hosts integer;',
};
