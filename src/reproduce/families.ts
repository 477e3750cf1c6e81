/** Kinds of learned optimizers that experiments are planned for, each with what it is meta-trained by. */
export const LEARNED_FAMILIES = ["celo2", "rnnprop", "lstm"] as const;
export type LearnedFamily = (typeof LEARNED_FAMILIES)[number];
