import type { MetaConfig } from "../meta/config.ts";
import { parseSpec } from "../spec.ts";
import type { Lineage } from "./transfer.ts";

const LABELS: Readonly<Record<string, string>> = {
  sgd: "SGD",
  momentum: "Momentum",
  nesterov: "Nesterov",
  rmsprop: "RMSProp",
  adam: "Adam",
  adamw: "AdamW",
  lstm: "LSTM",
  sam: "SAM",
  asam: "ASAM",
  gsam: "GSAM",
  gam: "GAM",
  // GAM as its authors released it: what is on Adam is this one, what is in the meta-objective the paper's formula
  "gam-fd": "GAM",
};

/** What tables call an optimizer or regularizer: `SAM` for `sam:rho=0.05`. */
export function labelOf(spec: string): string {
  const { name } = parseSpec(spec);
  return LABELS[name] ?? name;
}

/** `Adam + SAM`, `Adam`. */
export function methodName(optimizer: string, regularizer = "none"): string {
  const label = labelOf(optimizer);
  return regularizer === "none" ? label : `${label} + ${labelOf(regularizer)}`;
}

/** What learned optimizers of one source and regularizer are called together: `LSTM + SAM from mnist/mlp`. */
export function learnedName(learned: string, regularizer: string, source: string): string {
  return `${methodName(learned, regularizer)} from ${source}`;
}

/** One of several that differ in their meta-seed: `LSTM from mnist/mlp #1`. */
export function repetitionName(group: string, metaSeed: number): string {
  return `${group} #${metaSeed}`;
}

/** What repetitions are called together: the inverse of `repetitionName`. */
export function groupName(name: string): string {
  return name.replace(/ #\d+$/, "");
}

/** The same optimizer without a regularizer: `Adam` for `Adam + SAM`, `LSTM from mnist/mlp` for `LSTM + SAM from mnist/mlp`. */
export function plainName(name: string): string {
  return name.replace(/ \+ [^ ]+/, "");
}

/** What the regularizer in a name is called: `SAM` for `Adam + SAM`; undefined if there is none. */
export function regularizerIn(name: string): string | undefined {
  return / \+ ([^ ]+)/.exec(name)?.[1];
}

/** The meta-training task in the name of a learned optimizer; undefined for a hand-designed one. */
export function sourceName(name: string): string | undefined {
  return / from (.+)$/.exec(groupName(name))?.[1];
}

/** Where the optimizer of a configuration comes from. */
export function lineageOf(
  name: string,
  { tasks, regularizer, seed }: Pick<MetaConfig, "tasks" | "regularizer" | "seed">,
): Lineage {
  return { name, source: tasks.join(", "), regularizer: parseSpec(regularizer).name, metaSeed: seed };
}

/** A name as a folder or file: `lstm-sam-from-mnist-mlp-0`. */
export function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}
