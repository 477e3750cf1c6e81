import type { Pair } from "../analysis/comparisons.ts";
import { groupBy } from "../evaluation/group.ts";
import { groupOf, isPlain, isSameMethod, methodKey, plainOf, twinOf } from "../evaluation/method-id.ts";
import type { MethodId, RegularizerRecord } from "../evaluation/results.ts";
import { makeRegularizer } from "../regularizers/registry.ts";
import type { Plan } from "./plan.ts";

/** What comparisons follow from. */
type Compared = Pick<Plan, "kind" | "comparisons" | "baselines" | "against">;

/**
 * The comparisons of an experiment: those it names; otherwise those of its kind.
 *
 * @param regularizers what they are called: a learned one is compared with the explicit one of its name
 */
export function pairsOf(
  plan: Compared,
  learned: readonly MethodId[],
  regularizers: Readonly<Record<string, RegularizerRecord>>,
): Pair[] {
  if (plan.comparisons !== undefined) return [...plan.comparisons];
  const hand = plan.baselines.map(({ method }) => method);
  const opponents = hand.filter(({ optimizer }) => optimizer === plan.against);
  const groups = [...groupBy(learned.map(groupOf), methodKey).values()].map(([group]) => group!);
  const pairs =
    plan.kind === "reproduce-transfer"
      ? groups.flatMap((candidate) => transferPairs(candidate, groups, opponents))
      : groups.flatMap((candidate) => paperPairs(candidate, learned, opponents, regularizers));
  return [
    ...pairs,
    ...hand.flatMap((candidate): Pair[] => {
      const baseline = hand.find((method) => isSameMethod(method, plainOf(candidate)));
      return isPlain(candidate) || baseline === undefined ? [] : [{ candidate, baseline }];
    }),
  ];
}

/** The paper's: a regularized learned optimizer with the plain one of the same source, and with the explicit regularizer. */
function paperPairs(
  candidate: MethodId,
  learned: readonly MethodId[],
  opponents: readonly MethodId[],
  regularizers: Readonly<Record<string, RegularizerRecord>>,
): Pair[] {
  if (isPlain(candidate)) return [];
  const labelOf = ({ regularizer }: MethodId) => regularizers[regularizer]?.label ?? regularizer;
  const repeated = learned.some(
    (method) =>
      isSameMethod(groupOf(method), candidate) &&
      learned.some((other) => isSameMethod(other, plainOf(method))),
  );
  const explicit = opponents.find((method) => labelOf(method) === labelOf(candidate));
  return [
    ...(repeated ? [{ candidate, baseline: plainOf(candidate), measures: "properties" } as const] : []),
    ...(explicit ? [{ candidate, baseline: explicit, measures: "quality" } as const] : []),
  ];
}

/**
 * Every learned optimizer with the tuned plain opponent and with imported weights; a regularized one also with its plain
 * twin, and with every explicit regularizer after equal steps and after equal gradients.
 */
function transferPairs(
  candidate: MethodId,
  learned: readonly MethodId[],
  opponents: readonly MethodId[],
): Pair[] {
  const imported = learned.filter((other) => other.source?.length === 0 && !isSameMethod(other, candidate));
  const twin = twinOf(candidate, learned);
  return [
    ...opponents.filter(isPlain).map((baseline): Pair => ({ candidate, baseline })),
    ...imported.map((baseline): Pair => ({ candidate, baseline, measures: "quality" })),
    ...(twin ? [{ candidate, baseline: twin, measures: "properties" } as const] : []),
    ...(isPlain(candidate) ? [] : opponents.filter((method) => !isPlain(method))).flatMap(
      (baseline): Pair[] => {
        const { gradients } = makeRegularizer(baseline.regularizer).cost.lossAndGradient;
        return [
          { candidate, baseline, measures: "quality" },
          { candidate, baseline, baselineGradients: gradients },
        ];
      },
    ),
  ];
}
