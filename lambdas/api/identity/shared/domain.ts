/** There is one domain, Keystone's default one; naming another names nothing. */

export const domain = { id: 'default', name: 'Default' };

/** Returns whether a reference by id or name means the domain. */
export function isOurDomain(reference: { id?: string | undefined; name?: string | undefined }): boolean {
  return reference.id === undefined ? reference.name === domain.name : reference.id === domain.id;
}
