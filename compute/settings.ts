/**
 * Nova's options that an operator may set for a deployment, by Nova's names and with its defaults; those of a section stand under its name, those of
 * [DEFAULT] at the top. Functions read them once, and what they call gets them as a parameter. docs/api.md says what each of them does.
 */
import * as z from 'zod';

const seconds = (otherwise: number) => z.int().min(0).max(31_536_000).default(otherwise);

/** The options of a deployment; one that is not among them is refused. Where Nova knows more values than are built, the others are refused as well. */
export const settingsSchema = z.strictObject({
  /** Seconds that a guest has to shut down in order. */
  shutdown_timeout: seconds(60),
  /** Seconds after which a build that goes on ends in ERROR; 0 for never. */
  instance_build_timeout: seconds(0),
  /** Seconds for which a deleted server may be restored; 0 deletes at once. */
  reclaim_instance_interval: seconds(0),
  /** Whether what ran on a host is started again when the host is back. */
  resume_guests_state_on_host_boot: z.boolean().default(false),
  /** Seconds for which a shelved server stays on its host: -1 for as long as it is shelved. */
  shelved_offload_time: z.literal(0).default(0),
  /** Seconds after which a resize is confirmed by itself; 0 for never. */
  resize_confirm_window: z.literal(0).default(0),
  /** Whether the host that a server leaves by a resize may be the one that takes it. */
  allow_resize_to_same_host: z.boolean().default(false),
  /** Properties of an image that snapshots and backups of a server do not inherit, beside those that they never do. */
  non_inheritable_image_properties: z.array(z.string()).default(['cache_in_nova', 'bittorrent']),
});

/** The options of a deployment. */
export type Settings = z.infer<typeof settingsSchema>;

/** Nova's defaults. */
export const defaultSettings: Settings = settingsSchema.parse({});
