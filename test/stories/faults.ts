/** The ways a story is disturbed at its k-th statement, as the world disturbs: errors, lost answers, sleep, and crashes. */
import type { Service } from '../../local/service.ts';

/** Puts the disturbance in force; it strikes at the k-th call of the Data API from now. */
export type Disturbance = (service: Service, k: number) => void;

/** How often the SDK sends a call before it gives up. */
const sends = 3;

/** Matches the k-th call from now and its repeats, at most so often. */
function fromCall(k: number, most: number) {
  let seen = 0;
  let struck: string | undefined;
  let left = most;
  return (sql: string) => {
    seen += 1;
    if (seen === k) struck = sql;
    return sql === struck && left-- > 0;
  };
}

/** Matches the k-th call from now and every one after it. */
function fromCallOn(k: number, reached: () => void) {
  let seen = 0;
  return () => {
    seen += 1;
    if (seen === k) reached();
    return seen >= k;
  };
}

/** Everything is out of reach from then on, and the workflows die with it, as when the process is killed. */
function crash(service: Service, k: number): void {
  service.dataApi.faults.add({ kind: 'down', sql: fromCallOn(k, () => void service.workflow.stop()) });
}

/** The disturbances by what a report calls them. */
export const disturbances: Readonly<Record<string, Disturbance>> = {
  'fails once': ({ dataApi }, k) => void dataApi.faults.add({ kind: 'before', nth: k }),
  'fails until the SDK gives up': ({ dataApi }, k) => void dataApi.faults.add({ kind: 'before', sql: fromCall(k, sends) }),
  'answer lost once': ({ dataApi }, k) => void dataApi.faults.add({ kind: 'after', nth: k }),
  'answers lost until the SDK gives up': ({ dataApi }, k) => void dataApi.faults.add({ kind: 'after', sql: fromCall(k, sends) }),
  slow: ({ dataApi }, k) => void dataApi.faults.add({ kind: 'slow', milliseconds: 60, sql: fromCall(k, 1) }),
  'cluster asleep': ({ dataApi }, k) => void dataApi.faults.add({ kind: 'paused', milliseconds: 150, sql: fromCall(k, 100) }),
  'all down from here on': ({ dataApi }, k) => void dataApi.faults.add({ kind: 'down', sql: fromCallOn(k, () => {}) }),
  'killed before it': crash,
  'killed after it': (service, k) => {
    service.dataApi.faults.add({ kind: 'after', nth: k });
    crash(service, k + 1);
  },
};
