/** Passwords of users: read from a file or standard input, or made here. They are never on a command line, where any user of the machine can read them. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';

/** What the option means: the password, not the file. */
export interface PasswordOption {
  passwordFile?: string;
}

/** Makes the option that reads a password. */
export function passwordOption(): Option {
  return new Option(
    '--password-file <file>',
    'file with the password in its first line, - reads standard input; made here when not given',
  ).argParser(firstLine);
}

function firstLine(file: string): string {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(`It cannot be read: ${error instanceof Error ? error.message : error}.`);
  }
  const [password = ''] = text.split(/\r?\n/, 1);
  if (password === '') throw new InvalidArgumentError('Its first line is empty.');
  return password;
}

/** A password nobody can guess. */
export function newPassword(): string {
  return randomBytes(18).toString('base64url');
}
