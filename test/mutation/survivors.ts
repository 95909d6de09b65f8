/**
 * Mutants that no test can be asked to catch, with the reason. A mutant is named by its line of source and what it changes; without a change, all of the
 * line's are meant.
 */

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: lines of source are named as they stand there.

/** Why a mutant may survive. */
export interface Survivor {
  /** The line of source, without the white space around it. */
  source: string;
  /** `old → new`, as the table shows it. */
  change?: string;
  reason: string;
}

const anyBatch = 'the size of a batch: the next one takes what is left';
const anyPage = 'the size of a page: the next one has what it leaves out';
const anyHash = "any constants that spread well will do; which host wins a tie is nobody's promise";
const forAllTheSame = 'the same amount for each host, and only differences count';
const forLocks = 'the count is there for the locks, which are taken before';
const whatIsLocked = 'says what is locked before, and nothing of what is released';
const nobodyReads = 'a time for people: no code reads it';
const hasRequestId = 'a build request has the id of its request; it is null only beside no server';
const instant = 'nothing is noted in the very microsecond in which it is asked for';

/** By file. */
export const survivors: Readonly<Record<string, readonly Survivor[]>> = {
  'compute/boot/bury-in-cell0.ts': [
    { source: "request_id: requestId ?? '',", change: "?? '' → (nothing)", reason: hasRequestId },
    {
      source: 'if (!connection || buried.length === 0) return [];',
      change: '|| → &&',
      reason: 'spares the work: no servers are no batches, and without a connection there are none',
    },
    { source: 'const batchBytes = 3_500_000;', reason: 'less than a request holds, by any margin' },
    { source: 'if (bytes + size > batchBytes) {', change: '> → >=', reason: 'less than a request holds, by any margin' },
  ],
  'compute/boot/create-in-cell.ts': [{ source: "request_id: requestId ?? '',", change: "?? '' → (nothing)", reason: hasRequestId }],
  'compute/boot/failure.ts': [
    {
      source: "const data = parse(lastLine, message.slice(message.lastIndexOf('\\n') + 1));",
      change: '1 → 0',
      reason: 'JSON may begin with the end of the line before it',
    },
    {
      source: "return { ...failure, sentence: errorMessage.split('\\n', 1)[0] ?? errorType, details: errorMessage };",
      change: '1 → 2',
      reason: 'only the first line is taken',
    },
  ],
  'compute/boot/schedule-servers.ts': [
    { source: 'const largestPage = 500;', reason: anyPage },
    { source: 'page = Math.min(page * 2, Math.max(page, largestPage));', reason: anyPage },
    { source: 'reasons = !state.more;', reason: 'only what a reading costs: where hosts are too few, the reasons are read anyhow' },
    {
      source: 'const { selections, after } = selectHosts(context, seekers, settings, 2 ** Math.min(claims, 10));',
      change: '10 → 9',
      reason: "over how many hosts boots spread at most is nobody's promise",
    },
    {
      source: 'const { selections, after } = selectHosts(context, seekers, settings, 2 ** Math.min(claims, 10));',
      change: '10 → 11',
      reason: "over how many hosts boots spread at most is nobody's promise",
    },
  ],
  'compute/scheduler/filters/image-properties-filter.ts': [
    {
      source: 'if (operator === undefined || text === undefined) return false;',
      change: '|| → &&',
      reason: 'a range that matches has both',
    },
    {
      source: 'for (let part = 0; part < Math.max(a.length, b.length); part++) {',
      change: '< → <=',
      reason: 'beyond their ends both versions have a 0',
    },
    {
      source: 'return lower === undefined ? undefined : (aliases.get(lower) ?? lower);',
      change: 'lower === undefined → false',
      reason: 'undefined has no alias',
    },
  ],
  'compute/scheduler/no-valid-host.ts': [
    {
      source: 'const { host, node } = spec.forced_host ?? spec.requested_host ?? { host: null, node: null };',
      change: '?? { host: null, node: null } → (nothing)',
      reason: 'what is explained is that a host that is named does not exist',
    },
    {
      source:
        'const found = [...new Set(parts.flatMap(({ hostClass }) => (hostClass === null ? [] : (rejections.get(hostClass)?.reason ?? []))))];',
      change: 'hostClass === null → false',
      reason: 'no class is rejected under the name null',
    },
    {
      source:
        'const found = [...new Set(parts.flatMap(({ hostClass }) => (hostClass === null ? [] : (rejections.get(hostClass)?.reason ?? []))))];',
      change: '?? [] → (nothing)',
      reason: "a class is among a filter's parts because it has its rejection",
    },
    {
      source: '.flatMap((part) => part.names ?? [])',
      change: '?? [] → (nothing)',
      reason: 'names are written only where each part has some',
    },
  ],
  'compute/scheduler/select-hosts.ts': [
    { source: 'let value = 0x811c9dc5;', reason: anyHash },
    { source: 'for (const character of text) value = Math.imul(value ^ character.charCodeAt(0), 0x01000193);', reason: anyHash },
    { source: 'return (value ^ (value >>> 15)) >>> 0;', reason: anyHash },
  ],
  'compute/scheduler/weighers/index.ts': [
    { source: 'const sums = hosts.map(() => 0);', change: '0 → 1', reason: forAllTheSame },
    {
      source: 'if (multiplier === 0) continue;',
      change: 'multiplier === 0 → false',
      reason: 'spares the work: 0 times anything adds nothing',
    },
  ],
  'compute/scheduler/weighers/soft-affinity.ts': [
    {
      source: "weight: ({ members }, { group }) => (group?.policy === 'soft-affinity' ? members : 0),",
      change: '0 → 1',
      reason: forAllTheSame,
    },
  ],
  'compute/scheduler/weighers/soft-anti-affinity.ts': [
    {
      source: "weight: ({ members }, { group }) => (group?.policy === 'soft-anti-affinity' ? -members : 0),",
      change: '0 → 1',
      reason: forAllTheSame,
    },
  ],
  'database/api/cells/pending-cleanups.ts': [
    { source: 'const most = 500;', reason: anyBatch },
    {
      source: 'select * from pending_cleanups where ${cleanupDue} <= now() order by ${cleanupDue} limit ${most}),',
      change: '<= → <',
      reason: instant,
    },
  ],
  'database/api/archive.ts': [
    {
      source: '${deletion(`m.id in (select id from first) and ${finished(true)}`)}`,',
      change: '${finished(true)} → true',
      reason: 'asked again of rows under lock, for what came between',
    },
  ],
  'database/api/audit/servers.ts': ['- → +', '1 → 0'].map((change) => ({
    source: "select coalesce((select instance_uuid from living order by 1 offset :limit - 1 limit 1), '${lastUuid}') as last),",
    change,
    reason: 'spares the reading of what stands behind a full page',
  })),
  'database/api/audit/sums.ts': [
    ...[', 0 → (nothing)', '0 → 1'].map((change) => ({
      source:
        "coalesce(sum((spec->'flavor'->>'vcpus')::bigint), 0)::bigint as cores, coalesce(sum((spec->'flavor'->>'memory_mb')::bigint), 0)::bigint as ram",
      change,
      reason: 'where no size is known, sizes are not compared',
    })),
    { source: 'const mostRows = 1_000;', reason: anyPage },
    {
      source: 'first as (select * from faulty where provider in (select distinct provider from faulty order by 1 limit ${mostRows / 10}))',
      reason: anyPage,
    },
  ],
  'database/api/cells/map-instances.ts': [
    {
      source: 'update inventories i set used = i.used + sums.used, updated_at = now()',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
    {
      source: 'ram = quota_usages.ram + excluded.ram, updated_at = now()),',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
    {
      source: 'select uuid, provider, resource_class, amount from wanted where (select count(*) from held) >= 0',
      change: '>= → >',
      reason: forLocks,
    },
  ],
  'database/api/flavors.ts': [
    {
      source: 'on conflict (flavor_id, key) do update set value = excluded.value, updated_at = now()),',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
  ],
  'database/api/hosts/allocations.ts': [
    {
      source: 'on conflict (consumer_id, resource_class) do nothing',
      reason: 'for the claim sent twice at the very same time, when both have seen that none was made',
    },
    {
      source: 'sums as (select provider, resource_class, sum(amount) as amount from wanted, before where before.found = 0 group by 1, 2),',
      change: 'before.found = 0 → true',
      reason: 'spares locks: a claim that was made before takes nothing anyhow',
    },
    {
      source: 'update instance_groups g set generation = g.generation + 1, updated_at = now()',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
    {
      source:
        'select verdict.fits and (select count(*) from claimed) = (select count(*) from wanted) or (before.found > 0 and before.complete) as holds',
      change: '> → >=',
      reason: 'a claim of nothing holds anyhow',
    },
    {
      source: 'update inventories i set used = i.used - claimed.used, updated_at = now() from claimed, chosen',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
  ],
  'database/api/keypairs.ts': [
    {
      source: '{ user_id: userId, from, limit: limit === null ? null : limit + 1 },',
      change: '1 → 2',
      reason: 'reads one more, which is cut off',
    },
    {
      source: 'return found.has(marker) ? keyPairs.slice(1, 1 + (limit ?? keyPairs.length)) : undefined;',
      change: '1 → 2',
      reason: 'no more than that were read',
    },
  ],
  'database/api/quotas.ts': [
    {
      source: 'on conflict (project_id, resource) do update set hard_limit = excluded.hard_limit, updated_at = now())',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
  ],
  'database/api/reaper/stalled-boots.ts': [
    { source: 'const most = 5_000;', reason: anyBatch },
    ...['1000000 → 1000001', '1000000 → 999999', '* → /'].map((change) => ({
      source: "update build_requests b set execution = reservation_id || '-' || (extract(epoch from now()) * 1000000)::bigint,",
      change,
      reason: 'any number that is another one each time',
    })),
    {
      source:
        'where silent.servers <= ${most} and b.updated_at <= now() - make_interval(secs => :silence) order by b.id for update of b skip locked),',
      change: '<= → <',
      reason: instant,
    },
    {
      source: 'select execution, max(request_id) as "requestId", jsonb_agg(instance_uuid) as servers from taken group by execution`,',
      change: 'max → min',
      reason: 'a reservation is of one request',
    },
    {
      source: 'select reservation_id, sum(count(*)) over (order by min(updated_at), reservation_id) as servers',
      change: 'min → max',
      reason: 'which of the stalled boots come first is open: the next run takes the next',
    },
    {
      source: 'from build_requests where updated_at <= now() - make_interval(secs => :silence) group by reservation_id),',
      reason: 'who is silent is asked again below; younger boots stand behind in the order, where they count for nothing',
    },
  ],
  'database/api/scheduler/scheduling-sql.ts': [
    {
      source: "select case when (select policy from team) = 'affinity' then greatest(servers, 1) else 1 end as times from seekers) t),",
      change: '1 → 2',
      reason: 'without a server that needs a host only alternates are looked for, of which affinity has none',
    },
    {
      source: "when need.zone is not null and h.zone <> need.zone then 'AvailabilityZone'",
      change: 'need.zone is not null → true',
      reason: 'nothing differs from null',
    },
    {
      source: "when need.host is not null and h.host <> need.host then 'RequestedHost'",
      change: 'need.host is not null → true',
      reason: 'nothing differs from null',
    },
    {
      source: "select coalesce(sum(case when one.policy = 'affinity' then seekers.servers else least(",
      change: "one.policy = 'affinity' → false",
      reason: 'a host that is found under affinity has the capacity for all',
    },
    { source: 'select zone from need where zone is not null', change: 'zone is not null → true', reason: 'no host is in no zone' },
    {
      source:
        "failing as (select resource_provider_id as provider, builds from build_failures where last_at > now() - interval '${failuresLast}'),",
      change: '> → >=',
      reason: instant,
    },
  ],
  'database/api/server-groups.ts': [
    { source: 'where (select count(*) from ${hosts}) >= 0 order by member.id for update of member),', reason: forLocks },
    {
      source: 'select id from instance_group_member where group_id in (select id from target) order by id for update)',
      reason: whatIsLocked,
    },
    {
      source: 'from group_quota where count is not null)`;',
      reason: 'for a group that is removed while its lock is waited for',
    },
    {
      source: 'return `(:group::uuid is null or coalesce((select more from group_capacity) >= ${servers}, false))`;',
      change: ', false → (nothing)',
      reason: 'null lets nobody join either',
    },
  ],
  'database/api/servers/accept-servers.ts': [
    { source: 'select uuid, position - 1 as launch_index,', change: '- → +', reason: 'only an order: the document has the index itself' },
  ],
  'database/api/servers/release.ts': [
    {
      source: 'set instances = q.instances - sums.count, cores = q.cores - sums.cores, ram = q.ram - sums.ram, updated_at = now()',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
    {
      source: 'update inventories i set used = i.used - sums.used, updated_at = now()',
      change: ', updated_at = now() → (nothing)',
      reason: nobodyReads,
    },
    { source: 'where (i.resource_provider_id, i.resource_class) in (', reason: whatIsLocked },
    { source: 'select resource_provider_id, resource_class from allocations where consumer_id in (${servers}))', reason: whatIsLocked },
    {
      source: 'delete from allocations where consumer_id in (${servers}) and (select count(*) from held) > 0',
      change: '(select count(*) from held) > 0 → true',
      reason: forLocks,
    },
    { source: 'servers: servers ?? [],', reason: 'without names the statement does not read them' },
    {
      source: 'delete from allocations where consumer_id in (${servers}) and (select count(*) from held) > 0',
      change: '> → >=',
      reason: forLocks,
    },
    {
      source: 'delete from allocations where consumer_id in (${servers}) and (select count(*) from held) > 0',
      change: '0 → 1',
      reason: 'every server holds processors and memory',
    },
  ],
};
