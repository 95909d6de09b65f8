/** How long functions may run that no workflow runs, in seconds: AWS ends them then, and on one machine their contexts count down as long. */
export const timeouts = {
  /** The HTTP API gives up after 30 s; the function must be the first, to say why in its log. */
  api: 29,
  /** A report wakes a cell, and for a delete the api database too; a batch of them is applied at once. */
  reports: 60,
  /** A new or sleeping cluster answers late, and a migration may rewrite a table. */
  deploy: 600,
} as const;
