/** The longest label of a host name in DNS. */
const longest = 63;

/**
 * Makes a host name of a server's name, as Nova does: of Latin-1 only, cut to a label, what has no place in one dropped, spaces and the like made
 * hyphens. May be empty.
 */
export function hostnameOf(name: string): string {
  return name
    .replace(/[\u0100-\u{10ffff}]/gu, '')
    .slice(0, longest)
    .replace(/[ _.]/g, '-')
    .replace(/[^\p{L}\p{N}-]+/gu, '')
    .toLowerCase()
    .replace(/^-+|-+$/g, '');
}
