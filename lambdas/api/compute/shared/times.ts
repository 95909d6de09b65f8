/** Times as Nova's bodies write them; they are UTC. */

/** With microseconds and without a zone. */
export function microseconds(timestamp: string): string {
  return `${new Date(timestamp).toISOString().slice(0, 23)}000`;
}
