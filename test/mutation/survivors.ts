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
const anyHash = "any constants that spread well will do; which host wins a tie is nobody's promise";
const forAllTheSame = 'the same amount for each host, and only differences count';
const hasRequestId = 'a build request has the id of its request; it is null only beside no server';
const instant = 'nothing is noted in the very microsecond in which it is asked for';

/** By file. */
export const survivors: Readonly<Record<string, readonly Survivor[]>> = {
  'compute/boot/bury-in-cell0.ts': [{ source: "request_id: requestId ?? '',", change: "?? '' → (nothing)", reason: hasRequestId }],
  'compute/boot/create-in-cell.ts': [{ source: "request_id: requestId ?? '',", change: "?? '' → (nothing)", reason: hasRequestId }],
  'compute/boot/failure.ts': [
    {
      source: "const data = parse(lastLine, message.slice(message.lastIndexOf('\\n') + 1));",
      change: '1 → 0',
      reason: 'JSON may begin with the end of the line before it',
    },
  ],
  'compute/boot/schedule-servers.ts': [
    { source: 'const mostClaims = 60;', reason: 'any number that boots do not reach: each time one of them gets on' },
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
      source: 'return lower === undefined ? undefined : (aliases[lower] ?? lower);',
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
      source: 'select * from pending_cleanups where created_at <= now() - make_interval(secs => :age) order by created_at limit ${most}),',
      change: '<= → <',
      reason: instant,
    },
  ],
};
