/** The bodies of actions, as Nova's schemas have them. */
import * as z from 'zod';
import type { Microversion } from '../microversions.ts';
import { flavorRef, hostName, integerFrom, metadata, name, text, uuid } from '../shared/parameters.ts';

/** A reboot. */
export const rebootBody = z.strictObject({
  reboot: z.strictObject({ type: z.enum(['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']) }),
});

/** A rescue, with the password of the rescued guest and another image than the server's. */
export const rescueBody = z.strictObject({
  rescue: z.strictObject({ adminPass: z.string().optional(), rescue_image_ref: uuid.optional() }).nullable(),
});

/** The new password of a guest's administrator. */
export const passwordBody = z.strictObject({ changePassword: z.strictObject({ adminPass: z.string() }) });

/** A crash dump. */
export const crashDumpBody = z.strictObject({ trigger_crash_dump: z.null() });

/** A state that an admin sets. */
export const stateBody = z.strictObject({ 'os-resetState': z.strictObject({ state: z.enum(['active', 'error']) }) });

/** A lock: whatever it is said to be, and since 2.73 with a reason. */
export function lockBody(microversion: Microversion) {
  const reason = z.strictObject({ locked_reason: text(255, 1).optional() }).nullable();
  return z.strictObject({ lock: microversion.has('lockedReason') ? reason : z.unknown().transform(() => null) });
}

/** How many lines of a console, at its end; -1 or none for all. */
export const consoleOutputBody = z.strictObject({
  'os-getConsoleOutput': z.strictObject({ length: z.union([z.null(), integerFrom(-1)]).optional() }),
});

/** Another flavor, and what the disk's size follows from now on. */
export const resizeBody = z.strictObject({
  resize: z.strictObject({ flavorRef, 'OS-DCF:diskConfig': z.enum(['AUTO', 'MANUAL']).optional() }),
});

/** A migration; since 2.56 to a host that is named. Before, what it says is not read. */
export function migrateBody(microversion: Microversion) {
  const host = z.strictObject({ host: hostName.nullish() }).nullable();
  return z.strictObject({ migrate: microversion.has('migrateToHost') ? host : z.unknown().transform(() => null) });
}

const image = { name, metadata: metadata.optional() };

/** An image of a server. */
export const imageBody = z.strictObject({ createImage: z.strictObject(image) });

/** A backup of a server, of a type of which a number is kept. */
export const backupBody = z.strictObject({ createBackup: z.strictObject({ ...image, backup_type: z.string(), rotation: integerFrom(0) }) });
