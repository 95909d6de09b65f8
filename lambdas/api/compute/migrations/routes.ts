/** The os-migrations resource: how servers moved between hosts, for operators. */
import * as z from 'zod';
import { BadRequest } from '../../../../common/errors.ts';
import { listMigrations, type Migration } from '../../../../compute/servers/moves/list-migrations.ts';
import { apiDatabase } from '../../../shared/database.ts';
import { type ApiRequest, type Route, route } from '../../http/routing/route.ts';
import { isoTime } from '../../http/validation/iso-time.ts';
import type { Microversion } from '../microversions.ts';
import { mostOnPage } from '../servers/list-query.ts';
import { nextLink } from '../shared/links.ts';
import { anyText, limit, one, time } from '../shared/query-parameters.ts';
import { microseconds } from '../shared/times.ts';

const filters = {
  hidden: anyText,
  host: anyText,
  instance_uuid: anyText,
  source_compute: anyText,
  status: anyText,
  migration_type: anyText,
};

/** Pages and times came with 2.59, and with them the refusal of everything else. */
function listQuery(microversion: Microversion) {
  if (!microversion.has('migrationPages')) return z.object(filters).transform((query): MigrationQuery => query);
  return z.strictObject({
    ...filters,
    limit: one(limit),
    marker: one(anyText),
    'changes-since': one(time),
    ...(microversion.has('changesBefore') && { 'changes-before': one(time) }),
    ...(microversion.has('ownersOfMigrations') && { user_id: one(anyText), project_id: one(anyText) }),
  });
}

type Filter = keyof typeof filters | 'limit' | 'marker' | 'changes-since' | 'changes-before' | 'user_id' | 'project_id';
type MigrationQuery = Readonly<Partial<Record<Filter, string[] | undefined>>>;

/** Where Nova takes one of several values, it takes the last. */
const last = (values: string[] | undefined) => values?.at(-1) ?? null;

function readQuery(query: MigrationQuery) {
  const [since = null, before = null] = [query['changes-since'], query['changes-before']].map((values) => isoTime(values?.[0] ?? ''));
  if (since !== null && before !== null && since > before) {
    throw new BadRequest('The value of changes-since must be less than or equal to changes-before.');
  }
  return {
    statuses: query.status?.slice(-1) ?? [],
    host: last(query.host),
    // Nova asks for the source alone only where no host is asked for.
    source_compute: query.host ? null : last(query.source_compute),
    migration_type: last(query.migration_type),
    instance_uuid: last(query.instance_uuid),
    user_id: last(query.user_id),
    project_id: last(query.project_id),
    ...{ since, before, limit: Math.min(Number(query.limit?.[0] ?? mostOnPage), mostOnPage) },
  };
}

function view(migration: Migration, microversion: Microversion) {
  const { uuid, migration_type, user_id, project_id, created_at, updated_at, ...others } = migration;
  return {
    ...others,
    dest_host: null,
    created_at: microseconds(created_at),
    updated_at: updated_at === null ? null : microseconds(updated_at),
    ...(microversion.has('liveMigrations') && { migration_type }),
    ...(microversion.has('migrationPages') && { uuid }),
    ...(microversion.has('ownersOfMigrations') && { user_id, project_id }),
  };
}

async function list({ baseUrl, microversion, query }: ApiRequest<undefined, MigrationQuery>) {
  const filter = readQuery(query);
  // Hidden ones are never shown.
  const none = last(query.hidden) === '1' || filter.limit === 0;
  const migrations = none ? [] : await listMigrations(apiDatabase(), filter, last(query.marker));
  const full = microversion.has('migrationPages') && migrations.length === filter.limit;
  const marker = full ? (migrations.at(-1)?.uuid ?? null) : null;
  return {
    status: 200,
    body: {
      migrations: migrations.map((migration) => view(migration, microversion)),
      ...nextLink(baseUrl, '/os-migrations', 'migrations_links', query, marker),
    },
  };
}

/** The routes of the os-migrations resource. */
export const migrationRoutes: readonly Route[] = [
  route({
    ...{ method: 'GET', path: '/os-migrations', policy: 'os_compute_api:os-migrations:index', toOthers: 'shared' },
    ...{ query: listQuery, handle: list },
  }),
];
