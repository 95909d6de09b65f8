/**
 * Metadata and tags of a server in its cell. A change is one statement that reads and writes them under the lock of the server's row, does nothing where the
 * server does not allow it, and returns what it found, from which its caller says why.
 */
import { type Database, queryDocuments } from '../../data-api/client.ts';
import type { VmState } from '../../servers/document.ts';

/** By their keys. */
export type Metadata = Record<string, string>;

/** In the order of the database. */
export type Tags = string[];

/** A change of metadata, or of tags: all are replaced, some are added, or one is removed by its name. */
export type Change<Value> = { replace: Value } | { add: Value } | { remove: string };

/** What a server must be to be changed. */
export interface ChangeConditions {
  vm_states: readonly VmState[];
  /** Whether it must have been on a host once. */
  launched: boolean;
  /** Whether it must be unlocked. */
  unlocked: boolean;
  /** How many there may be when it is done; null for any number. */
  most: number | null;
}

/** What the statement found, and what it left. */
export interface Changed<Value> {
  vm_state: VmState;
  launched: boolean;
  locked: boolean;
  before: Value;
  /** As it would be, had the server allowed the change. */
  after: Value;
  /** Whether it has changed something, then or when it was sent before. */
  done: boolean;
}

/** How each of them is read, written and counted, and how a value of the statement is brought into the form in which it is read. */
const kinds = {
  metadata: { read: 'metadata_of', write: 'set_metadata', names: 'jsonb_object_keys', form: (value: string) => value },
  tags: {
    ...{ read: 'tags_of', write: 'set_tags', names: 'jsonb_array_elements' },
    form: (value: string) =>
      `(select coalesce(jsonb_agg(tag order by tag), '[]') from (select distinct jsonb_array_elements_text(${value}) as tag) names)`,
  },
} as const;

/**
 * Changes metadata of a server. What is as it should be already is not written.
 * @param requestId shows a statement that is sent twice that it has made the change itself.
 * @returns undefined when the cell has no such living server.
 */
export function changeMetadata(cell: Database, uuid: string, change: Change<Metadata>, conditions: ChangeConditions, requestId: string) {
  return run(kinds.metadata, cell, uuid, change, conditions, requestId);
}

/** Changes tags of a server, as changeMetadata does metadata. */
export function changeTags(cell: Database, uuid: string, change: Change<Tags>, conditions: ChangeConditions, requestId: string) {
  return run(kinds.tags, cell, uuid, change, conditions, requestId);
}

async function run<Value extends object>(
  { read, write, names, form }: (typeof kinds)[keyof typeof kinds],
  cell: Database,
  uuid: string,
  change: Change<Value>,
  conditions: ChangeConditions,
  requestId: string,
): Promise<Changed<Value> | undefined> {
  const [operation, operand] = operationOf(change);
  const { documents } = await queryDocuments<Changed<Value>>(
    cell,
    `select r.uuid as key, jsonb_build_object('vm_state', vm_state, 'launched', launched, 'locked', locked, 'before', before, 'after', after,
       'done', repeated or exists (select from written)) as doc
     from result r`,
    { uuid, operand, request_id: requestId, ...conditions },
    {
      ctes: `
       -- The server, which nobody else changes meanwhile.
       found as (
         select uuid, vm_state, launched_at is not null as launched, locked, coalesce(changed_by = :request_id, false) as repeated
         from instances where uuid = :uuid::uuid and deleted = 0 for update),
       -- What it has, read under that lock.
       had as (select found.*, ${read}(uuid) as before from found),
       -- What it would have.
       result as (select had.*, ${form(operation)} as after from had),
       -- The server, if it allows that and it is a change.
       allowed as (
         select uuid, after from result
         where after <> before
           and vm_state in (select jsonb_array_elements_text(:vm_states::jsonb)) and (launched or not :launched) and not (locked and :unlocked)
           and (:most::int is null or (select count(*) from ${names}(after)) <= :most::int)),
       -- Now it has.
       written as (
         update instances i set updated_at = now(), changed_by = :request_id from allowed where i.uuid = allowed.uuid
         returning ${write}(i.uuid, after))`,
    },
  );
  return documents.get(uuid);
}

function operationOf<Value>(change: Change<Value>): [sql: string, operand: Value | string] {
  if ('replace' in change) return [':operand::jsonb', change.replace];
  return 'add' in change ? ['before || :operand::jsonb', change.add] : ['before - :operand::text', change.remove];
}
