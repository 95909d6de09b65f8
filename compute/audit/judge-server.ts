/**
 * Whether what the databases hold of one server fits together. Nothing is read here. What the design lets a boot or a delete leave for a moment is no
 * fault: what is noted as work of a cell, and what the reaper has not had the time to see.
 */
import type { ServerRecords } from '../../database/api/audit/servers.ts';
import type { ServerRow } from '../../database/cell/audit.ts';
import { cell0 } from '../cells/cell0.ts';
import { type Finding, finding, type Kind } from './kinds.ts';

/** What the databases hold of a server; its rows by uuid of the cell. */
export interface ServerFacts {
  uuid: string;
  records: ServerRecords | undefined;
  rows: ReadonlyMap<string, ServerRow>;
}

/** What a judge knows of the cloud. */
export interface Surroundings {
  /** Names of all cells by uuid. */
  cells: ReadonlyMap<string, string>;
  /** uuids of cells that could not be read: nothing is said of the rows they hold. */
  unreadable: { has(cell: string): boolean };
  /** For how many seconds a boot may last, and the reaper may leave something undone. */
  patience: number;
}

type Say = (kind: Kind, sentence: string, ids?: Finding['ids']) => void;

/** Gives everything that is wrong with a server. */
export function judgeServer(facts: ServerFacts, surroundings: Surroundings): Finding[] {
  const findings: Finding[] = [];
  const say: Say = (kind, sentence, ids = {}) => findings.push(finding(kind, { server: facts.uuid, ...ids }, sentence));
  const { records } = facts;
  if (!records?.mapped) judgeUnknown(facts, surroundings, say);
  else if (records.deleted) judgeDeleted(facts, records, surroundings, say);
  else {
    if (!records.specified) say('mapping-without-request-spec', 'Its request spec is gone: its quota cannot be given back.');
    if (records.cell === null) judgeWaiting(facts, records, surroundings, say);
    else judgeHoused(facts, records, records.cell, surroundings, say);
  }
  return findings;
}

/** Living rows, with their cells' names. */
function livingRows({ rows }: ServerFacts, { cells }: Surroundings) {
  return [...rows].filter(([, row]) => !row.deleted).map(([uuid]) => ({ uuid, cell: cells.get(uuid) ?? uuid }));
}

const list = (names: readonly string[]) => names.join(' and ');

function judgeUnknown(facts: ServerFacts, surroundings: Surroundings, say: Say): void {
  const { requested = null, hosts = [], specified = false, work = [] } = facts.records ?? {};
  if (requested !== null) say('build-request-without-mapping', 'It waits for a cell, but is not in the index: nobody can see it.');
  for (const { uuid, cell } of livingRows(facts, surroundings)) {
    if (!work.includes(uuid)) say('row-without-mapping', `It is in ${cell}, but not in the index: nobody can see it.`, { cell });
  }
  if (hosts.length > 0) say('claim-without-server', `It claims room on ${list(hosts)}, but is not in the index.`, { host: list(hosts) });
  // Beside a build request the spec is part of one story.
  if (specified && requested === null) say('request-spec-without-mapping', 'Its request spec is left, but it is not in the index.');
}

function judgeDeleted(facts: ServerFacts, records: ServerRecords, surroundings: Surroundings, say: Say): void {
  const { requested, cell: home, hosts, claimed, work } = records;
  if (requested !== null) say('build-request-of-deleted', 'It is deleted, but still waits for a cell: it may be built.');
  for (const { uuid, cell } of livingRows(facts, surroundings)) {
    if (uuid === home || !work.includes(uuid)) say('row-of-deleted', `It is deleted, but lives on in ${cell}.`, { cell });
  }
  if (hosts.length > 0 && (claimed ?? 0) >= surroundings.patience) {
    say('claim-of-deleted', `It is deleted, but claims room on ${list(hosts)}.`, { host: list(hosts) });
  }
}

function judgeWaiting(facts: ServerFacts, records: ServerRecords, surroundings: Surroundings, say: Say): void {
  const { requested, aimed_at, work } = records;
  if (requested === null) say('orphan-mapping', 'It has neither a cell nor a build request: nobody can see it.');
  else if (requested >= surroundings.patience) say('stuck', `It waits for a cell for ${requested} seconds.`);
  for (const { uuid, cell } of livingRows(facts, surroundings)) {
    const expected = work.includes(uuid) || (requested !== null && aimed_at === uuid);
    if (!expected) say('row-in-wrong-cell', `It has no cell yet, but is in ${cell}, where nobody wrote it.`, { cell });
  }
}

function judgeHoused(facts: ServerFacts, records: ServerRecords, home: string, surroundings: Surroundings, say: Say): void {
  const { requested, work } = records;
  const { cells, unreadable } = surroundings;
  const cell = cells.get(home) ?? home;
  if (requested !== null) say('orphan-build-request', `It is in ${cell}, but its build request is left: it may be built twice.`, { cell });
  for (const { uuid, cell: other } of livingRows(facts, surroundings)) {
    if (uuid !== home && !work.includes(uuid)) {
      say('row-in-wrong-cell', `It belongs to ${cell}, but is in ${other} too.`, { cell: other });
    }
  }
  if (unreadable.has(home)) return;
  const row = facts.rows.get(home);
  if (!row) {
    say('mapping-without-row', `The index points to ${cell}, which does not have it: it is lost.`, { cell });
  } else if (!row.deleted) {
    if (home === cell0) judgeBuried(row, records, say);
    else judgePlaced(row, records, home, cell, surroundings, say);
    judgeParts(row, home, cell, say);
  } else if (!work.includes(home)) {
    say('deleted-but-not-released', `It is deleted in ${cell}, but still counts in the index, and nothing is noted to finish it.`, {
      cell,
    });
  }
}

function judgeParts({ vm_state, host, lacks }: ServerRow, home: string, cell: string, say: Say): void {
  const missing = home === cell0 ? lacks.filter((part) => part !== 'instance_faults') : lacks;
  if (missing.length > 0) say('half-server', `It is in ${cell} without its part in ${list(missing)}.`, { cell });
  if (vm_state === 'active' && host === null && home !== cell0) say('half-server', `It is active in ${cell} without a host.`, { cell });
}

function judgeBuried({ vm_state, host, lacks }: ServerRow, { hosts }: ServerRecords, say: Say): void {
  if (host !== null) say('cell0-with-host', `It is in cell0, but on host ${host}.`, { host });
  if (hosts.length > 0) say('cell0-with-claim', `It is in cell0, but claims room on ${list(hosts)}.`, { host: list(hosts) });
  if (vm_state !== 'error') say('cell0-not-in-error', `It is in cell0, but its state is ${vm_state}.`);
  else if (lacks.includes('instance_faults')) say('cell0-without-fault', 'It is in cell0 without a fault that says why.');
}

function judgePlaced(row: ServerRow, records: ServerRecords, home: string, cell: string, { patience }: Surroundings, say: Say): void {
  const { vm_state, host, age } = row;
  const { hosts, host_cells, work } = records;
  const noted = work.includes(home);
  const building = vm_state === 'building';
  if (building && age >= patience) say('stuck', `It is being built in ${cell} for ${age} seconds.`, { cell });
  if (host === null) {
    // A failed build loses its host first and its claim in the next statement, or by the reaper.
    if (hosts.length > 0 && !(noted && vm_state === 'error')) {
      say('claim-of-unhosted', `It has no host, but claims room on ${list(hosts)}.`, { host: list(hosts) });
    }
  } else if (hosts.length === 0) {
    say('host-without-claim', `It is on ${host}, but claims no room there.`, { host });
  } else if (hosts.some((claimed) => claimed !== host)) {
    // A build that moves to another host moves its claim first.
    if (!(noted && building)) say('claim-on-wrong-host', `It is on ${host}, but claims room on ${list(hosts)}.`, { host });
  } else if (host_cells.some((claimed) => claimed !== home)) {
    say('host-of-another-cell', `It is in ${cell}, but its host ${host} belongs to another cell.`, { cell, host });
  }
}
