/** The servers of a request are several, so they are placed together and then built side by side, by the other steps of the workflow. */
export class SeveralServers extends Error {
  override name = 'SeveralServers';
}
