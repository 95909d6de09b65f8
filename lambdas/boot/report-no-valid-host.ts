/** A log entry for each request that found no host, which a metric filter counts by `first_cause`. Lambda writes an object as JSON. */
import { NoValidHost } from '../../compute/scheduler/no-valid-host.ts';

/** Logs the report of a NoValidHost and throws the error on, whatever it is. */
export function reportNoValidHost(execution: string): (error: unknown) => never {
  return (error) => {
    for (let found = error; found instanceof NoValidHost; found = found.cause) {
      if (found.report) console.info({ event: 'NoValidHost', execution, ...found.report });
    }
    throw error;
  };
}
