/**
 * Checks whether the rows of one server in all databases agree. Nothing is read here. What the design lets a boot or a delete leave for a moment is no
 * finding: what is noted as a pending cleanup, and what the reaper has not had the time to see.
 */
import type { ServerRecords } from '../../database/api/audit/servers.ts';
import type { ServerRow } from '../../database/cell/audit.ts';
import { cell0 } from '../cells/cell0.ts';
import { type Finding, finding, type Kind } from './findings.ts';

/** What the databases hold of a server; its rows by uuid of the cell. */
export interface ServerFacts {
  uuid: string;
  records: ServerRecords | undefined;
  rows: ReadonlyMap<string, ServerRow>;
}

/** What a check knows of the cloud. */
export interface AuditContext {
  /** Names of all cells by uuid. */
  cells: ReadonlyMap<string, string>;
  /** uuids of cells that could not be read: their rows are not checked. */
  unreadable: { has(cell: string): boolean };
  /** For how many seconds a boot may last, and the reaper may leave something undone. */
  patience: number;
}

type AddFinding = (kind: Kind, sentence: string, ids?: Finding['ids']) => void;

/** Returns the findings about a server. */
export function checkServer(facts: ServerFacts, context: AuditContext): Finding[] {
  const findings: Finding[] = [];
  const addFinding: AddFinding = (kind, sentence, ids = {}) => findings.push(finding(kind, { server: facts.uuid, ...ids }, sentence));
  const { records } = facts;
  if (records) checkImages(records, addFinding);
  if (!records?.mapped) checkUnmapped(facts, context, addFinding);
  else if (records.deleted) checkDeleted(facts, records, context, addFinding);
  else {
    if (!records.specified) addFinding('mapping-without-request-spec', 'Its request spec is gone: its quota cannot be released.');
    if (records.cell === null) checkWithoutCell(facts, records, context, addFinding);
    else checkMapped(facts, records, records.cell, context, addFinding);
  }
  return findings;
}

/** Who removes the note of a server in its cell removes its queued images: without a note, none of its tasks makes them. */
function checkImages({ cell, cleanups, queued_images }: ServerRecords, addFinding: AddFinding): void {
  if (queued_images > 0 && (cell === null || !cleanups.includes(cell))) {
    addFinding('image-without-task', `${queued_images} of its images are queued, but none of its tasks makes them.`);
  }
}

/** Living rows, with their cells' names. */
function livingRows({ rows }: ServerFacts, { cells }: AuditContext) {
  return [...rows].filter(([, row]) => !row.deleted).map(([uuid]) => ({ uuid, cell: cells.get(uuid) ?? uuid }));
}

const list = (names: readonly string[]) => names.join(' and ');

function checkUnmapped(facts: ServerFacts, context: AuditContext, addFinding: AddFinding): void {
  const { requested = null, hosts = [], specified = false, cleanups = [] } = facts.records ?? {};
  if (requested !== null) addFinding('build-request-without-mapping', 'It waits for a cell, but is not in the index: nobody can see it.');
  for (const { uuid, cell } of livingRows(facts, context)) {
    if (!cleanups.includes(uuid)) addFinding('row-without-mapping', `It is in ${cell}, but not in the index: nobody can see it.`, { cell });
  }
  if (hosts.length > 0)
    addFinding('allocation-without-server', `It has allocations on ${list(hosts)}, but is not in the index.`, { host: list(hosts) });
  // Beside a build request the spec belongs to it.
  if (specified && requested === null) addFinding('request-spec-without-mapping', 'Its request spec is left, but it is not in the index.');
}

function checkDeleted(facts: ServerFacts, records: ServerRecords, context: AuditContext, addFinding: AddFinding): void {
  const { requested, cell: home, hosts, allocated, cleanups } = records;
  if (requested !== null) addFinding('build-request-of-deleted', 'It is deleted, but still waits for a cell: it may be built.');
  for (const { uuid, cell } of livingRows(facts, context)) {
    if (uuid === home || !cleanups.includes(uuid)) addFinding('row-of-deleted', `It is deleted, but lives on in ${cell}.`, { cell });
  }
  // A host that has yet to end what it runs keeps its allocation, however long it is silent.
  const ending = home !== null && cleanups.includes(home);
  if (hosts.length > 0 && !ending && (allocated ?? 0) >= context.patience) {
    addFinding('allocation-of-deleted', `It is deleted, but has allocations on ${list(hosts)}.`, { host: list(hosts) });
  }
}

function checkWithoutCell(facts: ServerFacts, records: ServerRecords, context: AuditContext, addFinding: AddFinding): void {
  const { requested, target_cell, former_cell, cleanups } = records;
  if (requested === null) addFinding('orphan-mapping', 'It has neither a cell nor a build request: nobody can see it.');
  else if (requested >= context.patience) addFinding('stuck', `It waits for a cell for ${requested} seconds.`);
  for (const { uuid, cell } of livingRows(facts, context)) {
    const expected = cleanups.includes(uuid) || (requested !== null && (target_cell === uuid || former_cell === uuid));
    if (!expected) addFinding('row-in-wrong-cell', `It has no cell yet, but is in ${cell}, where nobody wrote it.`, { cell });
  }
}

function checkMapped(facts: ServerFacts, records: ServerRecords, home: string, context: AuditContext, addFinding: AddFinding): void {
  const { requested, cleanups } = records;
  const { cells, unreadable } = context;
  const cell = cells.get(home) ?? home;
  if (requested !== null)
    addFinding('orphan-build-request', `It is in ${cell}, but its build request is left: it may be built twice.`, { cell });
  for (const { uuid, cell: other } of livingRows(facts, context)) {
    if (uuid !== home && !cleanups.includes(uuid)) {
      addFinding('row-in-wrong-cell', `It belongs to ${cell}, but is in ${other} too.`, { cell: other });
    }
  }
  if (unreadable.has(home)) return;
  const row = facts.rows.get(home);
  if (!row) {
    addFinding('mapping-without-row', `The index points to ${cell}, which does not have it: it is lost.`, { cell });
  } else if (!row.deleted) {
    if (home === cell0) checkBuried(row, records, addFinding);
    else checkOnHost(row, records, home, cell, context, addFinding);
    checkParts(row, home, cell, addFinding);
    checkMove(row, records, cleanups.includes(home), cell, addFinding);
    checkTask(row, cleanups.includes(home), cell, context, addFinding);
    if (row.task === null) checkSoftDeleted(row, records, cleanups.includes(home), cell, context, addFinding);
    checkImage(row, records, home, cell, addFinding);
  } else if (!cleanups.includes(home)) {
    addFinding('deleted-but-not-released', `It is deleted in ${cell}, but still counts in the index, and nothing is noted to finish it.`, {
      cell,
    });
  }
}

function checkParts({ vm_state, host, lacks, reset }: ServerRow, home: string, cell: string, addFinding: AddFinding): void {
  const missing = home === cell0 ? lacks.filter((part) => part !== 'instance_faults') : lacks;
  if (missing.length > 0) addFinding('incomplete-server', `It is in ${cell} without its part in ${list(missing)}.`, { cell });
  if (vm_state === 'active' && host === null && home !== cell0 && !reset)
    addFinding('incomplete-server', `It is active in ${cell} without a host.`, { cell });
}

function checkMove({ move, task }: ServerRow, { moves }: ServerRecords, noted: boolean, cell: string, addFinding: AddFinding): void {
  if (moves.some((migration) => migration !== move) && task === null && !noted) {
    addFinding('move-not-settled', `It does not move in ${cell}, but the host that it left, or would have gone to, is still allocated.`, {
      cell,
    });
  }
  if (move !== null && !moves.includes(move)) {
    addFinding('move-without-allocation', `It is on two hosts in ${cell}, but has nothing allocated on the one that it leaves.`, { cell });
  }
}

function checkTask(
  { vm_state, task_state, task, overdue }: ServerRow,
  noted: boolean,
  cell: string,
  { patience }: AuditContext,
  addFinding: AddFinding,
): void {
  if (task === null) {
    // What is being built has no task yet: its execution moves it.
    if (task_state !== null && vm_state !== 'building') {
      addFinding('state-without-task', `It is ${task_state} in ${cell}, but nothing is being done to it.`, { cell });
    }
    return;
  }
  if (!noted) addFinding('task-without-note', `Its action ${task} is under way in ${cell}, but nothing is noted to end it.`, { cell });
  if (overdue !== null && overdue >= patience) {
    addFinding('task-overdue', `Its action ${task} should have ended ${overdue} seconds ago.`, { cell });
  }
}

function checkSoftDeleted(
  { vm_state }: ServerRow,
  { counted }: ServerRecords,
  noted: boolean,
  cell: string,
  { patience }: AuditContext,
  addFinding: AddFinding,
): void {
  const softDeleted = vm_state === 'soft-delete';
  if (softDeleted && !noted) {
    addFinding('soft-deleted-without-note', `It is soft-deleted in ${cell}, but nothing is noted to delete it for good.`, { cell });
  }
  // What is noted may still have to return its quota.
  if (softDeleted ? counted && (patience === 0 || !noted) : !counted) {
    addFinding('quota-of-soft-deleted', `It is ${vm_state} in ${cell}, but ${counted ? 'counts' : 'does not count'} against the quota.`, {
      cell,
    });
  }
}

function checkImage({ image }: ServerRow, records: ServerRecords, home: string, cell: string, addFinding: AddFinding): void {
  // The reaper notes the image of what is rebuilt.
  if (!records.specified || image === null || image === records.image || records.cleanups.includes(home)) return;
  addFinding('image-not-noted', `Its image in ${cell} is ${image}, its request spec has ${records.image ?? 'none'}.`, { cell });
}

function checkBuried({ vm_state, host, lacks, reset }: ServerRow, { hosts }: ServerRecords, addFinding: AddFinding): void {
  if (host !== null) addFinding('cell0-with-host', `It is in cell0, but on host ${host}.`, { host });
  if (hosts.length > 0)
    addFinding('cell0-with-allocation', `It is in cell0, but has allocations on ${list(hosts)}.`, { host: list(hosts) });
  // An admin may call it active. It is buried all the same, and keeps its fault.
  if (vm_state !== 'error' && !(reset && vm_state === 'active')) {
    addFinding('cell0-not-in-error', `It is in cell0, but its state is ${vm_state}.`);
  } else if (lacks.includes('instance_faults')) addFinding('cell0-without-fault', 'It is in cell0 without a fault that says why.');
}

function checkOnHost(
  row: ServerRow,
  records: ServerRecords,
  home: string,
  cell: string,
  { patience }: AuditContext,
  addFinding: AddFinding,
): void {
  const { vm_state, host, age, task } = row;
  const { hosts, host_cells, cleanups, moves } = records;
  const noted = cleanups.includes(home);
  const building = vm_state === 'building';
  // What a host has begun may take until it is due, which is checked as of every task.
  if (building && task === null && age >= patience) addFinding('stuck', `It is being built in ${cell} for ${age} seconds.`, { cell });
  if (host === null) {
    // A failed build loses its host first and its allocations in the next statement, or by the reaper.
    if (hosts.length > 0 && !(noted && vm_state === 'error')) {
      addFinding('allocation-without-host', `It has no host, but has allocations on ${list(hosts)}.`, { host: list(hosts) });
    }
  } else if (hosts.length === 0) {
    addFinding('host-without-allocation', `It is on ${host}, but has no allocation there.`, { host });
  } else if (hosts.some((allocated) => allocated !== host)) {
    // A build that goes to another host moves its allocations first, and so does a move; its end, last.
    if (!(noted && (building || moves.length > 0)))
      addFinding('allocation-on-wrong-host', `It is on ${host}, but has allocations on ${list(hosts)}.`, { host });
  } else if (host_cells.some((allocated) => allocated !== home)) {
    addFinding('host-of-another-cell', `It is in ${cell}, but its host ${host} belongs to another cell.`, { cell, host });
  }
}
