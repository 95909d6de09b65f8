/** How long functions may run, in seconds: AWS ends them then, and on one machine their contexts count down as long. */
export const timeouts = {
  /** The HTTP API gives up after 30 s; the function must be the first, to tell why in its log. */
  api: 29,
  /** Long enough for a step that wakes the api database and a cell one after the other. */
  step: 90,
  /** It asks only the cells where something is left to do, and a sleeping one takes its time. */
  reap: 300,
  audit: 900,
  /** A new or sleeping cluster answers late, and a migration may rewrite a table. */
  deploy: 600,
} as const;
