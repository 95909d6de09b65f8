/** Hosts that exist in the databases only: every server starts at once, unless its image asks for a failure. */
import { BuildFailure, type Driver } from './driver.ts';

/** An image with this property set to `fail` builds on no host. */
export const buildProperty = 'cellzero_simulated_build';

/** The driver of simulated hosts. */
export const simulatedDriver: Driver = {
  async spawn({ image, host }) {
    if (image?.properties[buildProperty] === 'fail') throw new BuildFailure(`The simulated host ${host} was told to fail.`);
  },
  async destroy() {},
};
