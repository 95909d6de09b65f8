/**
 * Functions use a database as its service user, who owns nothing there: it reads and writes rows, and the schema is the master's, who migrates. So a fault of
 * a function, or a statement that somebody slips into one, changes no table and no history of migrations.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { type Database, query } from '../data-api/client.ts';
import { migrate } from './migrate.ts';
import type { Migration } from './migration.ts';

/** The user that functions are in a database. */
export interface ServiceUser {
  name: string;
  /** null where PostgreSQL asks for none. */
  password: string | null;
}

/** A database as its master opens it, and the user that is to use it; null where the master himself is used. */
export interface MasterAccess {
  master: Database;
  serviceUser: ServiceUser | null;
}

/** Any constant; serialises what changes the rights in one database. */
const lock = 20_260_102;

/**
 * Applies what the database lacks of the migrations, and lets the service user use what they made.
 * @returns the versions that this call applied.
 * @throws as `migrate` does.
 */
export async function migrateAsMaster({ master, serviceUser }: MasterAccess, migrations: readonly Migration[]): Promise<number[]> {
  const applied = await migrate(master, migrations);
  if (serviceUser) await saveServiceUser(master, serviceUser);
  return applied;
}

/** Makes the service user, or sets its password and rights anew. What later migrations make is granted by itself: the master's defaults say so. */
async function saveServiceUser(master: Database, { name, password }: ServiceUser): Promise<void> {
  const user = `"${name.replaceAll('"', '""')}"`;
  const changePassword = password === null ? '' : `alter role ${user} password '${scramVerifier(password)}';`;
  await query(
    master,
    // Users are of a whole server, and on one machine several databases are on one: another may make it at the same time.
    `do $user$ begin
       perform pg_advisory_xact_lock(${lock});
       begin
         create role ${user} login;
       exception when duplicate_object or unique_violation then null;
       end;
       ${changePassword}
       grant usage on schema public to ${user};
       grant select, insert, update, delete on all tables in schema public to ${user};
       grant usage, select on all sequences in schema public to ${user};
       grant execute on all functions in schema public to ${user};
       revoke insert, update, delete on schema_migrations from ${user};
       alter default privileges in schema public grant select, insert, update, delete on tables to ${user};
       alter default privileges in schema public grant usage, select on sequences to ${user};
       alter default privileges in schema public grant execute on functions to ${user};
     end $user$`,
  );
}

/**
 * Returns what PostgreSQL keeps of a password (RFC 5803, as `pg_authid.rolpassword` has it), so that no statement, and so no log, holds the password itself.
 * @param salt bytes; random ones unless somebody says otherwise.
 */
export function scramVerifier(password: string, salt: Uint8Array = randomBytes(16)): string {
  const iterations = 4_096;
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}
