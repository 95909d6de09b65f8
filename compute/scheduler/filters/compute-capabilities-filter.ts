/**
 * The flavor's extra specs against the host's capabilities: keys of the scope `capabilities` (`capabilities:cpu_info:arch`), and keys without a scope that
 * the host happens to have. Keys of other scopes are not for this filter.
 */
import { matches } from './extra-specs-operators.ts';
import type { HostClassFilter } from './index.ts';

export const computeCapabilitiesFilter: HostClassFilter = {
  name: 'ComputeCapabilitiesFilter',
  rejectionReason({ capabilities }, { flavor }) {
    for (const [key, requirement] of requirements(flavor.extra_specs)) {
      const [scope = '', ...path] = key.split(':');
      if (path.length === 0 && !Object.hasOwn(capabilities, scope)) continue;
      if (path.length > 0 && scope !== 'capabilities') continue;
      const found = lookUp(capabilities, path.length === 0 ? [scope] : path);
      if (found === undefined) return `${key} is asked to be "${requirement}", and is not known`;
      const text = pythonText(found);
      if (!matches(text, requirement)) return `${key} is "${text}", asked is "${requirement}"`;
    }
    return undefined;
  },
};

/** Nova turns this one key into a requirement of the scope. */
function requirements({ 'hw:maxphysaddr_bits': bits, ...others }: Record<string, string>): [string, string][] {
  return [
    ...Object.entries(others),
    ...(bits === undefined ? [] : [['capabilities:cpu_info:maxphysaddr:bits', `>= ${bits}`] as [string, string]]),
  ];
}

/** Follows the path; a text on the way is read as JSON. Null counts as not there. */
function lookUp(capabilities: unknown, path: readonly string[]): unknown {
  let found = capabilities;
  for (const name of path) {
    if (typeof found === 'string') found = parse(found);
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found ?? undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes a value as Python does, for that is what requirements were written against. */
function pythonText(value: unknown, nested = false): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return nested ? `'${value}'` : value;
  if (Array.isArray(value)) return `[${value.map((item) => pythonText(item, true)).join(', ')}]`;
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, item]) => `'${key}': ${pythonText(item, true)}`)
      .join(', ')}}`;
  }
  return String(value);
}
