/** Something small to mutate. */
const granted: number[] = [];

/** Grants what is asked for as long as the sum is within the limit, and returns whether it did. */
export function grant(asked: number, limit: number): boolean {
  let sum = asked;
  for (const each of granted) sum += each;
  if (sum > limit) return false;
  granted.push(asked);
  return true;
}
