/** The exit codes of the command, the same for all its parts. */
export const exitCodes = { clean: 0, findings: 1, usage: 2, unreachable: 3 } as const;
