/** The cloud did something else than the demo says it does. */
export class Unexpected extends Error {
  override name = 'Unexpected';
}

/**
 * Compares what is with what should be.
 * @throws Unexpected when they differ.
 */
export function expect(what: string, is: unknown, should: unknown): void {
  const [found, wanted] = [JSON.stringify(is), JSON.stringify(should)];
  if (found !== wanted) throw new Unexpected(`${what} is ${found}, not ${wanted}.`);
}
