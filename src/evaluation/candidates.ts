/** What settings of a hand-designed optimizer are chosen from. */
export interface SearchSpace {
  /** Its name; `lr` is what is searched. */
  readonly optimizer: string;
  /** Learning rates: the ends of a logarithmic grid. */
  readonly rates: readonly [low: number, high: number];
  /** Specs of the regularizer, all tried with every learning rate; `none` for none. */
  readonly regularizers?: readonly [string, ...string[]];
  /** What is around it, as combinators' specs: a constant learning rate (nothing) by default. */
  readonly schedules?: readonly string[];
}

/** The schedules that a learning rate is tried under: none, and a cosine to zero after a warm-up over the first twentieth. */
export const SCHEDULES: readonly string[] = ["", "cosine:warmup=0.05"];

/**
 * `budget` spec strings of a search space, so that every optimizer has as many settings to choose from, however many
 * schedules or regularizers there are: those are paid for with learning rates. Where the budget is no multiple of the
 * schedules, the first of them get one learning rate more.
 */
export function candidatesOf(
  { optimizer, rates, regularizers = ["none"], schedules = [""] }: SearchSpace,
  budget: number,
): string[] {
  const count = Math.floor(budget / regularizers.length);
  return schedules.flatMap((schedule, i) => {
    const share = Math.floor(count / schedules.length) + (i < count % schedules.length ? 1 : 0);
    return logGrid(rates, share).flatMap((lr) =>
      regularizers.map((regularizer) => {
        const parts = [`${optimizer}:lr=${lr}`, schedule, regularizer === "none" ? "" : regularizer];
        return parts.filter((part) => part !== "").join("+");
      }),
    );
  });
}

/** Numbers evenly spaced in their logarithm, to two digits; the middle where there is only one. */
function logGrid([low, high]: readonly [number, number], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const share = count === 1 ? 0.5 : i / (count - 1);
    return Number((low * (high / low) ** share).toPrecision(2));
  });
}
