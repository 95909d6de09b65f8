/** All steps of the search in their order, those said in SQL among them: a host is turned away by the first that minds. Their names are words that stay. */

/** A step, and what it minds; the filters over kinds of hosts say that themselves. */
export interface Step {
  name: string;
  minds?: string;
}

export const steps: readonly Step[] = [
  { name: 'RequestedHost', minds: 'another host is asked for' },
  { name: 'HostMapping', minds: 'no cell has them' },
  { name: 'CellDisabled', minds: 'their cell is disabled' },
  { name: 'CellUnreachable', minds: 'their cell did not take the server before' },
  { name: 'ComputeFilter', minds: 'their service is disabled' },
  { name: 'AvailabilityZone', minds: 'they are in another zone' },
  { name: 'ServerGroupAntiAffinityFilter', minds: 'they hold as many members of the group as they may' },
  { name: 'ServerGroupAffinityFilter', minds: 'the group is on another host' },
  { name: 'Placement', minds: 'they have too little room' },
  { name: 'Traits' },
  { name: 'ComputeCapabilitiesFilter' },
  { name: 'ImagePropertiesFilter' },
];
