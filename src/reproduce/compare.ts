import type { Pair, Side } from "../evaluation/comparisons.ts";
import { unique } from "../evaluation/group.ts";
import { methodName, plainName } from "../evaluation/names.ts";
import type { Lineage } from "../evaluation/transfer.ts";
import type { Plan } from "./plan.ts";

/** A learned optimizer and the name it shares with its repetitions. */
interface Member {
  readonly lineage: Lineage;
  readonly group: string;
}

/**
 * The comparisons of an experiment: those it names; otherwise every regularized learned optimizer with the plain one of
 * the same source, with the explicit regularizer on Adam, and every explicit regularizer with its plain optimizer.
 */
export function pairsOf(plan: Plan, learned: readonly Member[]): Pair[] {
  if (plan.comparisons !== undefined)
    return plan.comparisons.map(([candidate, baseline]) => ({ candidate, baseline }));
  const names = plan.baselines.map(({ name }) => name);
  const sources = unique(learned.map(({ lineage }) => lineage.source));
  const groups = sources.flatMap((source) =>
    unique(learned.map(({ lineage }) => lineage.regularizer)).flatMap((regularizer) => {
      const members = learned.filter(
        ({ lineage }) => lineage.source === source && lineage.regularizer === regularizer,
      );
      return members.length === 0 ? [] : [{ source, regularizer, members }];
    }),
  );
  const pairs: Pair[] = [];
  for (const { source, regularizer, members } of groups) {
    if (regularizer === "none") continue;
    const plain = groups.find((group) => group.source === source && group.regularizer === "none");
    const shared = members.filter(({ lineage }) =>
      plain?.members.some((other) => other.lineage.metaSeed === lineage.metaSeed),
    );
    if (plain !== undefined && shared.length > 0) {
      const seeds = new Set(shared.map(({ lineage }) => lineage.metaSeed));
      const counterparts = plain.members.filter(({ lineage }) => seeds.has(lineage.metaSeed));
      pairs.push({
        candidate: sideOf(shared),
        baseline: sideOf(counterparts),
        source,
        regularizer,
        measures: "properties",
      });
    }
    const explicit = methodName("adam", regularizer);
    if (names.includes(explicit))
      pairs.push({ candidate: sideOf(members), baseline: explicit, measures: "accuracy" });
  }
  for (const name of names) {
    const base = plainName(name);
    if (base !== name && names.includes(base)) pairs.push({ candidate: name, baseline: base });
  }
  return pairs;
}

/** Repetitions in the order of their meta-seeds, so that those of two sides belong together. */
function sideOf(members: readonly Member[]): Side {
  const ordered = [...members].sort((a, b) => a.lineage.metaSeed - b.lineage.metaSeed);
  return { name: ordered[0]!.group, members: ordered.map(({ lineage }) => lineage.name) };
}
