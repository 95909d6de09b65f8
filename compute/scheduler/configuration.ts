/** What an operator may want otherwise: one place, with Nova's defaults. */

/** How much each weigher counts; a negative one turns its preference round, 0 turns it off. */
export interface Multipliers {
  /** Free memory, processors and disk: servers spread. */
  ram: number;
  cpu: number;
  disk: number;
  /** Newer hypervisors first. */
  hypervisor_version: number;
  /** Servers on the host. */
  num_instances: number;
  /** Servers that the host is starting: negative prefers quiet hosts. */
  io_ops: number;
  /** Image properties shared with servers on the host: positive packs, negative spreads. */
  image_props: number;
  soft_affinity: number;
  soft_anti_affinity: number;
  /** Builds that failed on the host lately count against it. */
  build_failure: number;
}

/** The scheduler's settings. */
export interface Configuration {
  multipliers: Multipliers;
  /** Nova's `[scheduler]max_attempts`: on how many hosts a server is tried at most; all but the first are alternates. */
  maxAttempts: number;
  /** About how many hosts are worth a look; more would not find a better one, only later. */
  candidates: number;
}

export const configuration: Configuration = {
  multipliers: {
    ram: 1,
    cpu: 1,
    disk: 1,
    hypervisor_version: 1,
    num_instances: 0,
    io_ops: -1,
    image_props: 0,
    soft_affinity: 1,
    soft_anti_affinity: 1,
    build_failure: 1_000_000,
  },
  maxAttempts: 3,
  candidates: 100,
};
