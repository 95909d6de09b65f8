/**
 * The end of a build on a host that has begun it and reports later. A report that names another host or owner than the server has now changes nothing, nor does
 * one of a build that has ended.
 */
import { activateInstance, type EndedBuild, noteBuildFailed } from '../../database/cell/instances/build.ts';
import { inCell } from '../cells/reach.ts';
import type { Driver, LateReport } from '../hosts/drivers/driver.ts';
import type { FailedBuild } from './schedule-servers.ts';

/** A boot that goes on from a failed build. */
export interface ContinuedBoot {
  /** Of the execution that goes on: a build on a host is continued once, however often its failure is reported. */
  name: string;
  /** The owner of the server. */
  execution: string;
  requestId: string;
  servers: string[];
  failed: FailedBuild;
}

/** A report of a host about a build. */
type BuildReport = LateReport & { about: { operation: 'spawn' } };

/** As much of it goes into the state of an execution, in characters. */
const longestMessage = 2_000;

/**
 * Ends the build as the host reports: ACTIVE, or the next execution moves the server to its next host. A server that was deleted meanwhile, or has another
 * host or owner now, is stopped again.
 * @returns the build when it ended by this.
 */
export async function applyBuildReport(
  driver: Driver,
  startBoot: (boot: ContinuedBoot) => Promise<void>,
  { about, report }: BuildReport,
): Promise<EndedBuild | undefined> {
  const { cell, host, server, fencing_token, build } = about;
  const owned = { uuid: server, fencing_token };
  if (report.result === 'success') {
    const ended = await inCell(cell, 'changing', (database) => activateInstance(database, owned, host));
    if (!ended) await driver.begin({ operation: 'destroy', server, host, cell, fencing_token });
    return ended;
  }
  const failed = await inCell(cell, 'changing', (database) => noteBuildFailed(database, owned, host));
  if (!failed) return undefined;
  const { alternates, attempt, execution } = build;
  const failure = { Error: report.aborted ? 'BuildAborted' : 'BuildFailure', Cause: report.message.slice(0, longestMessage) };
  await startBoot({
    name: `${server}-${fencing_token}-${attempt}`,
    ...{ execution, requestId: failed.request_id, servers: [server] },
    failed: { host, alternates, attempt, failure },
  });
  return undefined;
}
