import { LowlandError } from "../errors.ts";
import { candidatesOf } from "../evaluation/candidates.ts";
import { isPlain } from "../evaluation/method-id.ts";
import type { MethodId } from "../evaluation/results.ts";
import { makeRegularizer } from "../regularizers/registry.ts";
import { fullName, slug } from "../report/labels.ts";
import { unknown } from "../spec.ts";
import type { PlannedOptimizer } from "./plan.ts";

/** Hand-designed optimizers and explicit regularizers that an experiment chooses from, and what their settings are chosen of. */
export interface BaselineSpace {
  /** The ends of a logarithmic grid of learning rates, so far apart that the best one lies inside; of Muon of factors. */
  readonly rates: Readonly<Record<string, readonly [low: number, high: number]>>;
  /** Radii by regularizer: the small, the default and the large one. */
  readonly radii: Readonly<Record<string, readonly [number, number, number]>>;
  /** What learning rates are tried under; they share the count. */
  readonly schedules?: readonly string[] | undefined;
}

/** Radii of explicit regularizers: a quarter of the default, the default, four times it. GAM as released: four gradients. */
export const EXPLICIT_RADII: BaselineSpace["radii"] = {
  sam: [0.0125, 0.05, 0.2],
  gsam: [0.0125, 0.05, 0.2],
  "gam-fd": [0.05, 0.2, 0.8],
};

/**
 * Every optimizer of a space alone and with every explicit regularizer, or those of them that are named, in one order, each
 * with `count` settings.
 *
 * @param names in any spelling of their display names: `adam+sam`
 * @throws {LowlandError} E_CONFIG for a name that is none of them, and where all have an explicit regularizer
 */
export function baselinesIn(
  space: BaselineSpace,
  count: number,
  names: readonly string[] | undefined,
): PlannedOptimizer[] {
  const all = Object.keys(space.rates).flatMap((optimizer) =>
    ["none", ...Object.keys(space.radii)].map((regularizer) =>
      baselineOf(optimizer, regularizer, count, space),
    ),
  );
  if (names === undefined) return all;
  const wanted = new Set(names.map(slug));
  for (const name of names) {
    if (all.some(({ method }) => slug(baselineName(method)) === slug(name))) continue;
    const valid = all.map(({ method }) => baselineName(method).toLowerCase().replaceAll(" ", ""));
    throw new LowlandError("E_CONFIG", unknown("baseline", name, valid));
  }
  const chosen = all.filter(({ method }) => wanted.has(slug(baselineName(method))));
  if (!chosen.some(({ method }) => isPlain(method))) {
    throw new LowlandError(
      "E_CONFIG",
      `none of the baselines ${names.join(", ")} is without a regularizer, and the loss of “equal training loss” is taken from those; name one, such as adam`,
    );
  }
  return chosen;
}

/** `Adam + GAM`: what the command line calls a baseline, in any spelling. */
function baselineName(method: MethodId): string {
  return fullName(method, (regularizer) => makeRegularizer(regularizer).label);
}

/**
 * One baseline with `count` settings to choose from, the same number for all: learning rates alone; or, with an explicit
 * regularizer, a third as many, each with three radii. Where `count` is no multiple of three, as many learning rates with
 * the default radius.
 */
export function baselineOf(
  optimizer: string,
  regularizer: string,
  count: number,
  { rates, radii, schedules }: BaselineSpace,
): PlannedOptimizer {
  const specs = (radii[regularizer] ?? []).map((rho) => `${regularizer}:rho=${rho}`);
  const [first = "none", ...others] = count % 3 === 0 ? specs : specs.slice(1, 2);
  const candidates = candidatesOf(
    {
      // Muon has two learning rates, which keep their ratio
      ...(optimizer === "muon" ? { optimizer: "muon+scale", setting: "by" } : { optimizer }),
      rates: rates[optimizer]!,
      regularizers: [first, ...others],
      ...(schedules && { schedules }),
    },
    count,
  );
  return { method: { optimizer, regularizer }, candidates };
}
