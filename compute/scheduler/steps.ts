/** All steps of the search in their order, those in SQL among them: a host counts at the first step that rejects it. Scripts read the names, so they stay. */

/** A step, and why it rejects hosts; the filters over host classes return their own reasons. */
export interface Step {
  name: string;
  reason?: string;
}

export const steps: readonly Step[] = [
  { name: 'RequestedHost', reason: 'another host is asked for' },
  { name: 'HostMapping', reason: 'no cell has them' },
  { name: 'CellDisabled', reason: 'their cell is disabled' },
  { name: 'CellUnreachable', reason: 'their cell did not accept the server before' },
  { name: 'OtherCell', reason: 'a server stays in its cell' },
  { name: 'IgnoredHost', reason: 'the server is to leave them' },
  { name: 'ComputeFilter', reason: 'their service is disabled' },
  { name: 'AvailabilityZone', reason: 'they are in another zone' },
  { name: 'ServerGroupAntiAffinityFilter', reason: 'they hold as many members of the group as they may' },
  { name: 'ServerGroupAffinityFilter', reason: 'the group is on another host' },
  { name: 'Placement', reason: 'they have too little capacity' },
  { name: 'ResourceClass' },
  { name: 'Traits' },
  { name: 'ComputeCapabilitiesFilter' },
  { name: 'ImagePropertiesFilter' },
];
