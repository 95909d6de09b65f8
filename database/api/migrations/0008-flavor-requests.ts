/** A flavor keeps the request that made it, as a key pair does: a statement sent twice knows its own by it. Those made before, or by a deployment, have none. */

export const flavorRequests = {
  version: 8,
  name: 'flavor-requests',
  sql: 'alter table flavors add column request_id text;',
};
