/**
 * A step found that its execution has no say over the server any more: it was deleted, or another execution took it over. What the step had done is left
 * to whoever has the say now, or to the reaper; there is nothing left to do.
 */
export class ServerGone extends Error {
  override name = 'ServerGone';
}
