/** Traits that the flavor or the image requires or forbids: the value of a trait's key is `required` or `forbidden`. */
import { traitOf } from '../../../common/properties.ts';
import type { HostClassFilter } from './index.ts';

export const traitsFilter: HostClassFilter = {
  name: 'Traits',
  rejectionReason({ traits }, { flavor, image }) {
    for (const [key, value] of [...Object.entries(flavor.extra_specs), ...Object.entries(image?.properties ?? {})]) {
      const trait = traitOf(key);
      if (!trait) continue;
      if (value === 'required' && !traits.includes(trait)) return `${trait} is required`;
      if (value === 'forbidden' && traits.includes(trait)) return `${trait} is forbidden`;
    }
    return undefined;
  },
};
