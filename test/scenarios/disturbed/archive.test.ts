/** Deleted servers are archived whole, and only they, whatever the statement at which the work is disturbed. */
import { expect, test } from 'vitest';
import { withDeadline } from '../../../database/data-api/deadline.ts';
import { archive, archiveACloud, archived, bury, expectGone, expectLiving, rowsEverywhere } from '../../fixtures/archived-cloud.ts';
import { disturbances } from '../../fixtures/disturbances.ts';
import { comeToRest } from '../../fixtures/rest.ts';

archiveACloud();

/** Milliseconds that an archive may take. */
const patience = 700;

test.each(Object.entries(disturbances))(
  '%s, at each statement: nothing is lost, and the next run ends it',
  { timeout: 120_000 },
  async (_, disturb) => {
    const mark = archived().service.dataApi.calls.mark();
    await bury();
    const calls = archived().service.dataApi.calls.mark();
    await archive();
    const statements = archived().service.dataApi.calls.since(calls).length;
    expect(calls).toBeGreaterThan(mark);
    expect(statements).toBeGreaterThan(8);
    for (let k = 1; k <= statements; k++) {
      const ids = await bury();
      const before = await rowsEverywhere(ids, '');
      disturb(archived().service, k);
      // An operator waits longer for a call that hangs than a test can.
      await withDeadline(Date.now() + patience, () => archive()).catch(() => undefined);
      await comeToRest(archived().service);
      await expectLiving();
      await archive();
      await expectGone(ids);
      expect(await rowsEverywhere(ids, 'shadow_')).toEqual(before);
    }
  },
);
