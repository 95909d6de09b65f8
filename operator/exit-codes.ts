/** The exit codes of the command, the same for all its parts but nova-manage's, which keep Nova's: 0 to 5, and `unexpected`. */
export const exitCodes = { success: 0, failure: 1, usage: 2, unreachable: 3, unexpected: 255 } as const;
