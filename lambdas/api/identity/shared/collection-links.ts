/** Keystone puts these links beside every collection; ours never have a second page. */
export function collectionLinks(self: string): object {
  return { self, next: null, previous: null };
}
