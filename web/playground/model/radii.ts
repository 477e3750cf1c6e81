/** Radii of the balls, in units of the parameters. */
export const RADII: readonly number[] = [0.02, 0.05, 0.1, 0.2, 0.5];
