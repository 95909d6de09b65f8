/** Nova's options as the environment of a function has them. */
import { type Settings, settingsSchema } from '../../compute/settings.ts';

/**
 * Returns the options of this deployment. SETTINGS, where it is set, is JSON of those that differ from Nova's defaults.
 * @throws ZodError when it has one that is not known, or a value that cannot be.
 */
export function settings(): Settings {
  return settingsSchema.parse(JSON.parse(process.env.SETTINGS ?? '{}'));
}
