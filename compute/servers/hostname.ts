/** The longest label of a host name in DNS. */
const longest = 63;

/**
 * Makes a host name of a server's name, as Nova does: what has no place in one is dropped, spaces and the like become hyphens. May be empty.
 */
export function hostnameOf(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[ _.]/g, '-')
    .replace(/[^\w-]+/g, '')
    .toLowerCase()
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, longest);
}
