/** Options that may be given again and again: `--property KEY=VALUE` to set one, `--property KEY` to take one away. */
import { InvalidArgumentError, Option } from 'commander';

/** Makes the option that sets properties; its value is all of them by key. */
export function setProperty(what: string): Option {
  return new Option('--property <key=value>', what).argParser((text, before: Record<string, string> = {}) => {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('It takes KEY=VALUE.');
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
  });
}

/** Makes the option that takes properties away; its value is the list of their keys. */
export function unsetProperty(what: string): Option {
  return new Option('--property <key>', what).argParser((key, before: string[] = []) => [...before, key]);
}
