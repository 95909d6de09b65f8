/** The one place that says which microversions of the Compute API are served; numbers are the N of 2.N. */

/** The lowest minor version, and the one of a request that names none. */
export const minimumMicroversion = 1;

/** The highest minor version: that of Nova 2025.2. */
export const maximumMicroversion = 100;
