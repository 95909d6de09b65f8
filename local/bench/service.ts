/** The service under the bench, in a process of its own: an ephemeral deployment with capacity for all it will boot. Sends its parent where it is. */

import { query } from '../../database/data-api/client.ts';
import { issueToken } from '../../lambdas/api/http/tokens/issue-token.ts';
import { startService } from '../deployment/service.ts';

/** What the bench needs to know. */
export interface BenchService {
  url: string;
  token: string;
  /** The variables that point SDK clients to the service's Data API. */
  aws: Record<string, string>;
  apiDatabase: string;
}

// The functions' own log is not what is measured.
console.info = () => {};
const service = await startService({ dataDir: undefined, cells: 2, hosts: 40, host: '127.0.0.1', port: 0 });
const projectId = 'b'.repeat(32);
await query(
  service.api,
  `insert into quotas (project_id, resource, hard_limit) select :project, resource, -1 from unnest(array['instances', 'cores', 'ram']) resource`,
  { project: projectId },
);
await query(service.api, `insert into flavors (name, flavorid, vcpus, memory_mb, root_gb) values ('giant', 'giant', 1, 512, 1000)`);
const { text } = await issueToken({
  user: { id: 'b'.repeat(32), name: 'bench' },
  project: { id: projectId, name: 'bench' },
  roles: [{ id: 'b'.repeat(32), name: 'member' }],
  methods: ['password'],
});
const aws = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'))) as Record<string, string>;
process.send?.({ url: service.url, token: text, aws, apiDatabase: service.databases.get('api') } as BenchService);
process.once('disconnect', () => void service.stop().then(() => process.exit(0)));
