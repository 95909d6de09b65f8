/**
 * Traits that the flavor or the image requires or forbids, as Placement has them: `trait:HW_CPU_X86_AVX2` is `required` or `forbidden`, or with the name of a
 * group before the colon.
 */
import type { HostClassFilter } from './index.ts';

export const traitsFilter: HostClassFilter = {
  name: 'Traits',
  rejectionReason({ traits }, { flavor, image }) {
    for (const [key, value] of [...Object.entries(flavor.extra_specs), ...Object.entries(image?.properties ?? {})]) {
      const [, trait] = /^trait[a-zA-Z0-9_-]*:(.+)$/.exec(key) ?? [];
      if (trait === undefined) continue;
      if (value === 'required' && !traits.includes(trait)) return `${trait} is required`;
      if (value === 'forbidden' && traits.includes(trait)) return `${trait} is forbidden`;
    }
    return undefined;
  },
};
