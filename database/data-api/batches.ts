/** A request to the Data API holds 4 MiB, in which documents are JSON within JSON; the rest is for the statement and its other parameters. */
const batchBytes = 3_500_000;

/** Returns documents in their order, in batches of which each fits a request as one parameter; one that is too large for any stands alone. */
export function batches<Document>(documents: readonly Document[]): Document[][] {
  const all: Document[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const document of documents) {
    const size = Buffer.byteLength(JSON.stringify(JSON.stringify(document)));
    if (bytes + size > batchBytes) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(document);
    bytes += size;
  }
  return all;
}
