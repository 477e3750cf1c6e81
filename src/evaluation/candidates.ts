/** What settings of an optimizer are chosen from. */
export interface SearchSpace {
  /** Its name; for a learned one `scale`, which goes around it. */
  readonly optimizer: string;
  /** What is searched: its learning rate by default. */
  readonly setting?: "lr" | "by";
  /** Values of it: the ends of a logarithmic grid. */
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
  { optimizer, setting = "lr", rates, regularizers = ["none"], schedules = [""] }: SearchSpace,
  budget: number,
): [string, ...string[]] {
  const count = Math.floor(budget / regularizers.length);
  const specs = schedules.flatMap((schedule, i) => {
    const share = Math.floor(count / schedules.length) + (i < count % schedules.length ? 1 : 0);
    return logGrid(rates, share).flatMap((rate) =>
      regularizers.map((regularizer) => {
        const parts = [
          `${optimizer}:${setting}=${rate}`,
          schedule,
          regularizer === "none" ? "" : regularizer,
        ];
        return parts.filter((part) => part !== "").join("+");
      }),
    );
  });
  return specs as [string, ...string[]];
}

/** Numbers evenly spaced in their logarithm, to two digits; the middle where there is only one. */
function logGrid([low, high]: readonly [number, number], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const share = count === 1 ? 0.5 : i / (count - 1);
    return Number((low * (high / low) ** share).toPrecision(2));
  });
}
