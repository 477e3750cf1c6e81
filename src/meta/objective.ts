import { type SpecRegistry, specEntry } from "../spec.ts";

/** Minibatches that the terms of a meta-objective are taken on. */
export type MetaBatches = "train" | "fresh" | "meta-validation";

/** What meta-training minimizes: a term at the point after every inner step, put together over a training. */
export interface MetaObjective {
  /**
   * `train`: on the minibatch of the next inner step; `fresh`: on another one of the training split;
   * `meta-validation`: on one of the meta-validation split, unseen by the inner training.
   */
  readonly batches: MetaBatches;
  /** Sum or mean over the steps, or the last one alone (with `bptt`: that of every window). */
  readonly over: "sum" | "mean" | "last";
  /**
   * What makes losses of different tasks comparable. `clip`: clip(L, 0, bound), bound 1.5·ln classes, which also stands
   * for what is not finite; `relative`: that divided by the bound; `none`: L as it is.
   */
  readonly normalize: "none" | "clip" | "relative";
}

const parameters = {
  over: {
    default: "sum",
    choices: ["sum", "mean", "last"],
    description: "how the terms of a training are put together",
  },
  normalize: {
    default: "none",
    choices: ["none", "clip", "relative"],
    description: "clip: losses above 1.5·ln classes count as that; relative: divided by it as well",
  },
} as const;

const entry = (batches: MetaBatches, description: string) =>
  specEntry({
    description,
    parameters,
    create: (settings) => ({ batches, ...settings }) as MetaObjective,
  });

/** Every meta-objective that `--objective` can name. */
export const metaObjectives: SpecRegistry<MetaObjective> = {
  train: entry("train", "terms on the minibatches that the inner training sees"),
  fresh: entry("fresh", "terms on fresh minibatches of the training split"),
  "meta-validation": entry("meta-validation", "terms on minibatches of the meta-validation split"),
};

/** A loss made comparable with those of other tasks: its value, and the factor of its gradient. */
export function normalized(
  loss: number,
  bound: number | undefined,
  how: MetaObjective["normalize"],
): { readonly value: number; readonly slope: number } {
  if (how === "none" || bound === undefined) return { value: loss, slope: 1 };
  const inside = loss >= 0 && loss <= bound;
  const value = inside ? loss : loss < 0 ? 0 : bound;
  const unit = how === "relative" ? bound : 1;
  return { value: value / unit, slope: inside ? 1 / unit : 0 };
}
