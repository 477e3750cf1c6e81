/** Architectures small enough to be meta-trained while one watches. */
export const SMALL_ARCHITECTURES = ["lstm:hidden=8", "rnnprop:hidden=8", "mlp"] as const;
