/**
 * The microversions of the Compute API, and the one place with their numbers: what each of them changed, and where. Schemas and views ask the microversion
 * of a request whether it has a change, by the change's name; with a number it cannot be compared. What changed nothing that is answered here is left out.
 */

interface Change {
  /** The N of 2.N. */
  version: number;
  what: string;
  /** The folders whose answers depend on it. */
  where: readonly string[];
}

/** The highest minor version: that of Nova 2025.2. */
const maximum = 100;

const history = {
  keypairTypes: { version: 2, what: 'key pairs have a type; made with 201, deleted with 204', where: ['keypairs'] },
  extendedAttributes: { version: 3, what: 'more attributes for admins, delete_on_termination of volumes', where: ['servers'] },
  ip6Filter: { version: 5, what: 'everybody filters by ip6', where: ['servers'] },
  remoteConsoles: { version: 6, what: 'consoles are a resource, no actions', where: ['servers'] },
  mksConsoles: { version: 8, what: 'consoles of the protocol mks', where: ['servers'] },
  serverLocked: { version: 9, what: 'servers show whether they are locked', where: ['servers'] },
  keypairsOfOthers: { version: 10, what: 'admins reach the key pairs of others', where: ['keypairs'] },
  serverGroupOwners: { version: 13, what: 'groups show their project and user', where: ['server-groups'] },
  softPolicies: { version: 15, what: 'soft-affinity and soft-anti-affinity', where: ['server-groups'] },
  hostStatus: { version: 16, what: 'servers show the status of their host', where: ['servers'] },
  crashDumps: { version: 17, what: 'crash dumps are triggered', where: ['servers'] },
  serverDescription: { version: 19, what: 'servers have a description; before it was the name', where: ['servers'] },
  shelvedVolumes: { version: 20, what: 'shelved servers get and lose volumes', where: ['servers'] },
  actionsOfDeleted: { version: 21, what: 'actions of deleted servers are shown', where: ['instance-actions'] },
  forceComplete: { version: 22, what: 'live migrations are forced to their end', where: ['servers'] },
  liveMigrations: { version: 23, what: 'servers show their live migrations, and migrations their type', where: ['servers', 'migrations'] },
  liveMigrationAborts: { version: 24, what: 'live migrations are aborted', where: ['servers'] },
  serverTags: { version: 26, what: 'servers have tags, and filters by them', where: ['servers'] },
  consoleTokens: { version: 31, what: 'tokens of all consoles are shown', where: ['servers'] },
  deviceTags: { version: 32, what: 'networks and disks have tags', where: ['servers'] },
  noDiskTags: { version: 33, what: 'disks have none', where: ['servers'] },
  keypairPages: { version: 35, what: 'lists of key pairs have pages', where: ['keypairs'] },
  noNetworkProxies: {
    version: 36,
    what: 'the proxies are gone, and quotas and limits of networks',
    where: ['limits', 'not-implemented', 'quota-sets'],
  },
  networksRequired: { version: 37, what: 'networks must be said: a list without tags, auto or none', where: ['servers'] },
  invalidStatusRefused: { version: 38, what: 'a status that there is not is refused', where: ['servers'] },
  noImageMetadata: { version: 39, what: 'metadata of images, and their limit, are gone', where: ['limits', 'not-implemented', 'servers'] },
  deviceTagsAgain: { version: 42, what: 'networks and disks have tags again', where: ['servers'] },
  noHosts: { version: 43, what: 'os-hosts is gone', where: ['not-implemented'] },
  noAddressActions: { version: 44, what: 'addresses are the business of networks, no actions', where: ['servers'] },
  imageIds: { version: 45, what: 'an image made of a server is named in the body, not in Location', where: ['servers'] },
  embeddedFlavor: { version: 47, what: 'servers show what their flavor was, not its id', where: ['servers'] },
  commonDiagnostics: { version: 48, what: 'diagnostics have one form for all drivers', where: ['servers'] },
  attachmentTags: { version: 49, what: 'networks and volumes are attached with tags', where: ['servers'] },
  completeQuotaClasses: { version: 50, what: 'quota classes show groups, and of networks no more', where: ['quota-sets'] },
  eventsForOwners: { version: 51, what: 'everybody reads the events of actions', where: ['instance-actions'] },
  tagsAtCreate: { version: 52, what: 'servers are made with tags', where: ['servers'] },
  hypervisorUuids: { version: 53, what: 'hypervisors have uuids, and their searches are parameters', where: ['not-implemented'] },
  rebuildKeypairs: { version: 54, what: 'a rebuild may change the key pair', where: ['servers'] },
  flavorDescription: { version: 55, what: 'flavors have a description, which can be changed', where: ['flavors', 'not-implemented'] },
  migrateToHost: { version: 56, what: 'a server is migrated to a host that is named', where: ['servers'] },
  noPersonality: { version: 57, what: 'files, and their quotas, are gone', where: ['servers', 'limits', 'quota-sets'] },
  actionPages: { version: 58, what: 'lists of actions have pages and times', where: ['instance-actions'] },
  migrationPages: { version: 59, what: 'lists of migrations have pages and times', where: ['migrations'] },
  flavorExtraSpecs: { version: 61, what: 'flavors show their extra specs', where: ['flavors'] },
  eventHosts: { version: 62, what: 'events show their host', where: ['instance-actions'] },
  trustedCertificates: { version: 63, what: 'servers are made with trusted image certificates', where: ['servers'] },
  groupRules: { version: 64, what: 'a group has one policy, with rules', where: ['server-groups'] },
  changesBefore: { version: 66, what: 'changes-before', where: ['servers', 'instance-actions', 'migrations'] },
  volumeTypes: { version: 67, what: 'disks have a volume type', where: ['servers'] },
  downCells: { version: 69, what: 'servers of a cell that does not answer are shown in part', where: ['servers'] },
  serverGroups: { version: 71, what: 'a server shows its groups', where: ['servers'] },
  lockedReason: { version: 73, what: 'servers show why they are locked, and are filtered and sorted by it', where: ['servers'] },
  requestedHosts: { version: 74, what: 'admins ask for a host', where: ['servers'] },
  strictRequests: {
    ...{ version: 75, what: 'unknown parameters and sort keys are refused; no swap is 0' },
    where: ['shared', 'servers', 'flavors'],
  },
  topology: { version: 78, what: 'servers show their NUMA topology', where: ['servers'] },
  volumesOutlive: { version: 79, what: 'a volume is attached with whether it is deleted with its server', where: ['servers'] },
  ownersOfMigrations: { version: 80, what: 'migrations show whose they are, and are filtered by it', where: ['migrations'] },
  imageCaches: { version: 81, what: 'hosts of an aggregate fetch images', where: ['not-implemented'] },
  openFilters: { version: 83, what: 'everybody has more filters', where: ['servers'] },
  eventDetails: { version: 84, what: 'events show details to admins', where: ['instance-actions'] },
  attachmentChanges: { version: 85, what: 'an attachment of a volume is changed', where: ['servers'] },
  noHypervisorStatistics: { version: 88, what: 'hypervisors show no sums', where: ['not-implemented'] },
  hostnames: { version: 90, what: 'servers get a host name, and show and filter by it', where: ['servers'] },
  noGeneratedKeypairs: { version: 92, what: 'key pairs are brought, with more characters in their names', where: ['keypairs'] },
  volumesReimaged: { version: 93, what: 'a rebuild writes a root disk on a volume anew', where: ['servers'] },
  domainNames: { version: 94, what: 'a host name may be a domain name', where: ['servers'] },
  pinnedZones: { version: 96, what: 'servers show the zone they are pinned to', where: ['servers'] },
  shares: { version: 97, what: 'servers have shares', where: ['servers'] },
  imageProperties: { version: 98, what: 'servers show the properties of their image', where: ['servers'] },
  directSpice: { version: 99, what: 'consoles of the type spice-direct', where: ['servers'] },
  schedulerHints: { version: 100, what: 'servers show their scheduler hints', where: ['servers'] },
} as const satisfies Record<string, Change>;

/** The name of a change. */
export type ChangeName = keyof typeof history;

/** All changes by name, for those who write about them. */
export const changes: Readonly<Record<string, Change>> = history;

/** A microversion. There is one object of each. */
export class Microversion {
  readonly #minor: number;

  constructor(minor: number) {
    this.#minor = minor;
  }

  /** Returns whether it is the microversion of a change, or a later one. */
  has(change: ChangeName): boolean {
    return this.#minor >= history[change].version;
  }

  /** Returns `2.N`. */
  toString(): string {
    return `2.${this.#minor}`;
  }
}

/** The lowest one, and that of a request that names none. */
export const oldest = new Microversion(1);

/** The highest one. */
export const latest = new Microversion(maximum);

const between = Array.from({ length: maximum - 2 }, (_, index) => new Microversion(index + 2));

/** All that are served, in their order. */
export const microversions: readonly Microversion[] = [oldest, ...between, latest];

const byName = new Map(microversions.map((microversion) => [String(microversion), microversion]));

/** Finds a microversion by its name, `2.N`; undefined when it is not served. */
export function findMicroversion(name: string): Microversion | undefined {
  return byName.get(name);
}
