import { groupBy, quantile, unique } from "../evaluation/group.ts";
import { bySource } from "../evaluation/method-id.ts";
import type { Comparison, MetaTrainingRecord, Results, TuningRecord } from "../evaluation/results.ts";
import type { LimitFact } from "./facts.ts";
import { studentQuantile } from "./statistics.ts";

/** What has to be known before anything is concluded from a large experiment. */
export function limitsOf(results: Results): LimitFact[] {
  return [
    ...repetitionsOf(results),
    ...recipesOf(results),
    ...unfinishedOf(results),
    ...powerOf(results),
    ...levelsOf(results),
    ...rangesOf(results),
  ];
}

const regularizerOf = ({ method }: MetaTrainingRecord): string => method.regularizer;
const metaSeedOf = ({ method }: MetaTrainingRecord): string => String(method.metaSeed);

/** Tests run over seeds; how meta-training varies is seen only where it was repeated. */
function repetitionsOf({ metaTraining }: Results): LimitFact[] {
  const sources = bySource(metaTraining)
    .filter(({ members }) => [...groupBy(members, regularizerOf).values()].some((runs) => runs.length === 1))
    .map(({ source }) => source);
  return sources.length === 0 ? [] : [{ fact: "single runs", sources }];
}

/** Settings in which runs may differ and still be of one recipe: what is compared, what repeats it, and what changes no bit. */
const OF_ONE_RECIPE = new Set(["regularizer", "seed", "tasks", "keepCheckpoints", "activations"]);

/** Where runs that are compared, or that repeat one another, differ in more than that. */
function recipesOf({ metaTraining }: Results): LimitFact[] {
  return bySource(metaTraining).flatMap(({ source, members: runs }) => {
    const compared = differencesIn(groupBy(runs, metaSeedOf).values());
    const repeated = differencesIn(groupBy(runs, regularizerOf).values());
    const fact = (among: "compared" | "repeated", names: readonly string[]): LimitFact[] => {
      const settings = names.map((name) => ({
        name,
        values: [...valuesOf(runs, name)].map(([value, own]) => [value, own.length] as const),
      }));
      return names.length === 0
        ? []
        : [{ fact: "recipes differ", among, source, runs: runs.length, settings }];
    };
    return [
      ...fact("compared", [...compared]),
      ...fact(
        "repeated",
        [...repeated].filter((name) => !compared.has(name)),
      ),
    ];
  });
}

/** Settings that differ within any of these groups of runs. */
function differencesIn(groups: Iterable<readonly MetaTrainingRecord[]>): Set<string> {
  const fields = new Set<string>();
  for (const runs of groups) {
    for (const field of runs.flatMap(({ settings }) => Object.keys(settings))) {
      if (!OF_ONE_RECIPE.has(field) && valuesOf(runs, field).size > 1) fields.add(field);
    }
  }
  return fields;
}

/** Runs by what a setting is in them. */
function valuesOf(runs: readonly MetaTrainingRecord[], field: string): Map<string, MetaTrainingRecord[]> {
  return groupBy(runs, ({ settings }) => String(settings[field] ?? "none"));
}

/** Meta-validation counts as still improving if its lowest loss fell by more than this share in the last fifth of meta-training. */
const STILL_FALLING = 0.01;

/** Whether meta-validation had stopped improving where meta-training ended. */
function unfinishedOf({ metaTraining }: Results): LimitFact[] {
  const falls = metaTraining.flatMap(({ method, metaValidationCurve }) => {
    const looks = metaValidationCurve.flatMap(({ outerStep, loss }) =>
      loss === null ? [] : [{ outerStep, loss }],
    );
    const last = looks.at(-1);
    if (last === undefined || looks.length < 5) return [];
    const lowest = (share: number) =>
      Math.min(...looks.flatMap((look) => (look.outerStep <= share * last.outerStep ? [look.loss] : [])));
    const before = lowest(0.8);
    return Number.isFinite(before) && before > 0 ? [{ method, fall: 1 - lowest(1) / before }] : [];
  });
  const falling = falls.filter(({ fall }) => fall > STILL_FALLING).sort((a, b) => b.fall - a.fall);
  const [most] = falling;
  if (most === undefined) return [];
  return [
    {
      fact: "still improving",
      runs: falling.length,
      of: falls.length,
      most: most.method,
      fall: most.fall,
      threshold: STILL_FALLING,
    },
  ];
}

/** The effect that a test needs to be decided first, when all are corrected together. */
function powerOf({ comparisons }: Results): LimitFact[] {
  const tests = comparisons.filter(({ p }) => p !== null);
  const pairs = Math.max(0, ...tests.map((test) => test.pairs));
  if (tests.length === 0 || pairs < 2) return [];
  const effect = studentQuantile(1 - 0.025 / tests.length, pairs - 1) / Math.sqrt(pairs);
  return [{ fact: "power", tests: tests.length, pairs, effect }];
}

/** How early “equal training loss” is. */
function levelsOf({ sharpnessAtLoss = [], comparisons }: Results): LimitFact[] {
  const shares = sharpnessAtLoss.flatMap(({ maxSteps, summary }) =>
    summary.step.mean === null ? [] : [summary.step.mean / maxSteps],
  );
  if (shares.length === 0) return [];
  return [{ fact: "equal loss is early", share: quantile(shares, 0.5), ...fewerPairs(comparisons) }];
}

/** How many tests at equal training loss rest on the seeds that got there only. */
function fewerPairs(
  comparisons: readonly Comparison[],
): Pick<Extract<LimitFact, { fact: "equal loss is early" }>, "fewer"> {
  const most = Math.max(0, ...comparisons.map(({ pairs }) => pairs));
  const tests = comparisons.filter(({ below, p }) => below !== undefined && p !== null);
  const fewer = tests.filter(({ pairs }) => pairs < most);
  if (fewer.length === 0) return {};
  const least = Math.min(...fewer.map(({ pairs }) => pairs));
  return { fewer: { tests: fewer.length, of: tests.length, most, least } };
}

/** Whether hand-designed optimizers might do better outside the ranges they were tuned in. */
function rangesOf({ tuning = [] }: Results): LimitFact[] {
  const choices = tuning.flatMap((record) => record.chosen.map(({ spec }) => edgeOf(record, spec)));
  if (choices.length === 0) return [];
  return [
    {
      fact: "tuning",
      seeds: unique(tuning.map((record) => record.seeds.length)),
      atEdge: choices.filter((edge) => edge !== undefined).length,
      choices: choices.length,
      ...smallestRadii(tuning),
    },
  ];
}

/** How often tuning took the least of an explicit regularizer that there was. */
function smallestRadii(
  tuning: readonly TuningRecord[],
): Pick<Extract<LimitFact, { fact: "tuning" }>, "smallestRadius"> {
  const choices = tuning.flatMap(({ candidates, chosen }) => {
    const radii = new Set(candidates.flatMap(({ spec }) => settingOf(spec, "rho") ?? []));
    if (radii.size < 2) return [];
    return chosen.map(({ spec }) => settingOf(spec, "rho") === Math.min(...radii));
  });
  const smallest = choices.filter((own) => own).length;
  return smallest <= choices.length / 2 ? {} : { smallestRadius: { choices: smallest, of: choices.length } };
}

/** The end of its range that a chosen learning rate lies at; nothing inside. */
export function edgeOf({ candidates }: TuningRecord, spec: string): "lowest" | "highest" | undefined {
  const rates = candidates.flatMap((candidate) => rateOf(candidate.spec) ?? []);
  const own = rateOf(spec);
  if (own === undefined || new Set(rates).size < 2) return undefined;
  if (own === Math.min(...rates)) return "lowest";
  return own === Math.max(...rates) ? "highest" : undefined;
}

/** The learning rate, or what a learned optimizer's own is multiplied with. */
function rateOf(spec: string): number | undefined {
  return settingOf(spec, "lr") ?? settingOf(spec, "by");
}

function settingOf(spec: string, name: "lr" | "rho" | "by"): number | undefined {
  const found = new RegExp(`[:,]${name}=(\\d[\\d.]*(?:e[+-]?\\d+)?)`).exec(spec)?.[1];
  return found === undefined ? undefined : Number(found);
}
