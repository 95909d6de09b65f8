/** What the control plane asks of a hypervisor. Every call may come twice, and may come for a server that is gone. */

/** A server to start on a host. */
export interface SpawnRequest {
  server: string;
  host: string;
  /** That of the owner who has it started. */
  fencing_token: number;
  flavor: { vcpus: number; memory_mb: number; root_gb: number };
  image: { id: string; properties: Record<string, string> } | null;
}

/** A driver of compute hosts. */
export interface Driver {
  /**
   * Starts the server on the host; a server that runs there already is left alone.
   * @throws BuildFailure when this host cannot run it, BuildAborted when no host can.
   */
  spawn(request: SpawnRequest): Promise<void>;
  /**
   * Ends the server on the host, if it was started with this fencing token or an earlier one: a later owner may have it started there again.
   * Nothing happens when it is not there.
   */
  destroy(host: string, server: string, fencingToken: number): Promise<void>;
}

/** A host could not build a server. */
export class BuildFailure extends Error {
  override name = 'BuildFailure';
}

/** A server cannot be built anywhere: its image, say, is of no use. It is not tried on another host. */
export class BuildAborted extends Error {
  override name = 'BuildAborted';
}
