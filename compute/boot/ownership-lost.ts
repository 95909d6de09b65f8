/**
 * A step found that its execution does not own the server any more: it was deleted, or another execution took it over. What the step had done is left to
 * the owner, or to the reaper; there is nothing left to do.
 */
export class OwnershipLost extends Error {
  override name = 'OwnershipLost';
}
