/**
 * Fencing: a statement in one database that acts on a fact read in another names the owner it acts for, and does nothing when there is a newer one.
 *
 * A server that is being built has one owner: an execution and its fencing token. The build request holds both; the statement that commits the server to its
 * cell copies them into the mapping. The token grows whenever the right to write changes hands: another execution takes the server over, or the
 * execution releases its target cell. So of two writers the one with the greater token is right, and each database can decide by itself: a row of a cell
 * carries the token it was written with, is taken over by a greater one only, and is purged only up to the token that the purge names.
 */

/** Who writes a server. */
export interface Owner {
  /** Name of the execution of the boot workflow. */
  execution: string;
  /** Grows with every change of the owner or of the target cell. */
  fencing_token: number;
}

/** A server and the token of the owner that a statement acts for. */
export interface FencedServer {
  uuid: string;
  fencing_token: number;
}
