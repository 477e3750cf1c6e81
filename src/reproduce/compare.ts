import type { Pair } from "../analysis/comparisons.ts";
import { groupBy } from "../evaluation/group.ts";
import { groupOf, isPlain, isSameMethod, methodKey, plainOf } from "../evaluation/method-id.ts";
import type { MethodId, RegularizerRecord } from "../evaluation/results.ts";
import type { Plan } from "./plan.ts";

/**
 * The comparisons of an experiment: those it names; otherwise every regularized learned optimizer with the plain one of
 * the same source, with the explicit regularizer on Adam, and every explicit regularizer with its plain optimizer.
 *
 * @param regularizers what they are called: a learned one is compared with the explicit one of its name
 */
export function pairsOf(
  { comparisons, baselines }: Pick<Plan, "comparisons" | "baselines">,
  learned: readonly MethodId[],
  regularizers: Readonly<Record<string, RegularizerRecord>>,
): Pair[] {
  if (comparisons !== undefined) return [...comparisons];
  const hand = baselines.map(({ method }) => method);
  const labelOf = ({ regularizer }: MethodId) => regularizers[regularizer]?.label ?? regularizer;
  const groups = [...groupBy(learned.map(groupOf), methodKey).values()].map(([group]) => group!);
  const pairs: Pair[] = groups
    .filter((group) => !isPlain(group))
    .flatMap((candidate): Pair[] => {
      const repeated = learned.some(
        (method) =>
          isSameMethod(groupOf(method), candidate) &&
          learned.some((other) => isSameMethod(other, plainOf(method))),
      );
      const explicit = hand.find(
        (method) => method.optimizer === "adam" && labelOf(method) === labelOf(candidate),
      );
      return [
        ...(repeated ? [{ candidate, baseline: plainOf(candidate), measures: "properties" } as const] : []),
        ...(explicit ? [{ candidate, baseline: explicit, measures: "quality" } as const] : []),
      ];
    });
  return [
    ...pairs,
    ...hand.flatMap((candidate): Pair[] => {
      const baseline = hand.find((method) => isSameMethod(method, plainOf(candidate)));
      return isPlain(candidate) || baseline === undefined ? [] : [{ candidate, baseline }];
    }),
  ];
}
