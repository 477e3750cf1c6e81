/** The version of this package: recorded in everything it writes. */
export const LOWLAND_VERSION = "0.2.0";
