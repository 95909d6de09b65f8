/** The sequence number of the last report of each host that was applied; an earlier one that comes later changes nothing. */

export const hostReports = {
  version: 13,
  name: 'host-reports',
  sql: `
create table host_reports (
  host text primary key,
  sequence bigint not null,
  updated_at timestamptz not null default now()
);
`,
};
