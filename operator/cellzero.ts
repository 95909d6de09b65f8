#!/usr/bin/env node
/** Entry point of the operator's command. */
import { CommanderError } from 'commander';
import { PublicError } from '../common/errors.ts';
import { DatabaseUnreachable } from '../database/data-api/client.ts';
import { NoDeployment } from '../local/deployment/attach.ts';
import { DataDirectoryInUse } from '../local/postgres/postgres.ts';
import { Unexpected } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { program } from './program.ts';

// A reader such as `head` may leave early.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? process.exitCode : exitCodes.unreachable),
);

const command = program(
  (text) => process.stdout.write(`${text}\n`),
  (code) => {
    process.exitCode = code;
  },
);
try {
  await command.parseAsync();
} catch (error) {
  process.exitCode = codeOf(error);
  if (!(error instanceof CommanderError)) console.error(`cellzero: ${complaint(error instanceof Unexpected ? error.cause : error)}`);
}

function codeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.success : exitCodes.usage;
  if (error instanceof Unexpected) return exitCodes.unexpected;
  return error instanceof PublicError ? exitCodes.failure : exitCodes.unreachable;
}

function complaint(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof DataDirectoryInUse) return `${error.message}; if a service is starting or stopping there, try again in a moment`;
  if (error instanceof PublicError || error instanceof NoDeployment || error instanceof DatabaseUnreachable) return error.message;
  // AWS's own errors speak by their names; of anything else the way to it helps most.
  return '$metadata' in error || error.name === 'CredentialsProviderError'
    ? `${error.name}: ${error.message}`
    : (error.stack ?? error.message);
}
