/** The one place that reads the environment of a function, so that a missing setting fails by name. */

/** The settings every function may find in its environment; the infra stacks and the local service set them. */
export type Setting =
  /** `rds-data://<cluster arn>/<database>?secret=<secret arn>` of the api database. */
  | 'API_DATABASE'
  /** ARN of the boot state machine. */
  | 'BOOT_STATE_MACHINE'
  /** ARN of the state machine that runs the reaper after a while. */
  | 'REAPER_STATE_MACHINE'
  /** ARN of the state machine that audits all databases. */
  | 'AUDIT_STATE_MACHINE'
  /** URL of the queue of reports of hosts. */
  | 'REPORTS_QUEUE'
  /** Id or ARN of the KMS key (ECC_NIST_P256) that signs tokens. */
  | 'TOKEN_KEY'
  /** Its public half, with which they are checked: SPKI in DER, as base64. */
  | 'TOKEN_PUBLIC_KEY'
  /** Id or ARN of the KMS key (RSA_2048) that opens secrets of guests. */
  | 'SECRETS_KEY'
  /** Its public half, with which they are sealed: SPKI in DER, as base64. */
  | 'SECRETS_PUBLIC_KEY'
  /** Where clients reach the API when the Host header does not say (custom domain, emulator); may be empty. */
  | 'PUBLIC_URL'
  /** URL of the database to migrate, or of the cell to register, at deploy. */
  | 'DATABASE'
  /** Which schema it gets: `api` or `cell`. */
  | 'SCHEMA'
  /** Name of the cell to register. */
  | 'CELL'
  /** How many simulated hosts it gets. */
  | 'SIMULATED_HOSTS'
  /** Id or ARN of the secret that is the password of the user admin. */
  | 'ADMIN_SECRET';

/**
 * Returns the value of a setting of this function.
 * @throws Error when it is not set.
 */
export function setting(name: Setting): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set in the environment of this function`);
  return value;
}
