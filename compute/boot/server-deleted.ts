/** A boot found that its server was deleted meanwhile. What the boot had done for it is undone; there is nothing left to do. */
export class ServerDeleted extends Error {
  override name = 'ServerDeleted';
}
