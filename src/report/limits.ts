import { groupBy, unique } from "../evaluation/group.ts";
import type { Comparison, MetaTrainingRecord, Results, TuningRecord } from "../evaluation/results.ts";
import { studentQuantile } from "../evaluation/statistics.ts";
import { parseSpec } from "../spec.ts";
import { count, listed, percent, plural, significant } from "./format.ts";

/** What has to be known before anything is concluded from a large experiment, in sentences. */
export function limitsOf(results: Results): string[] {
  return [
    ...repetitionsOf(results),
    ...recipesOf(results),
    ...unfinishedOf(results),
    ...powerOf(results),
    ...levelsOf(results),
    ...rangesOf(results),
  ];
}

/** Tests run over seeds; how meta-training varies is seen only where it was repeated. */
function repetitionsOf({ metaTraining }: Results): string[] {
  const groups = groupBy(metaTraining, ({ task, regularizer }) =>
    JSON.stringify([task, parseSpec(regularizer).name]),
  );
  const single = unique([...groups.values()].flatMap((runs) => (runs.length === 1 ? [runs[0]!.task] : [])));
  if (single.length === 0) return [];
  return [
    `From ${listed(single)} there is one meta-training run for each regularizer: a test says that this optimizer differs from that one, not that meta-training again would give the same.`,
  ];
}

/** Settings in which runs may differ and still be of one recipe: what is compared, what repeats it, and what changes no bit. */
const OF_ONE_RECIPE = new Set(["regularizer", "seed", "tasks", "keepCheckpoints", "activations"]);

/** Where runs that are compared, or that repeat one another, differ in more than that. */
function recipesOf({ metaTraining }: Results): string[] {
  return [...groupBy(metaTraining, ({ task }) => task)].flatMap(([task, runs]) => {
    const compared = differencesIn(groupBy(runs, ({ metaSeed }) => String(metaSeed)).values());
    const repeated = differencesIn(groupBy(runs, ({ regularizer }) => parseSpec(regularizer).name).values());
    const rest = new Set([...repeated].filter((field) => !compared.has(field)));
    return [
      ...told(
        `Meta-training runs on ${task} differ in more than the regularizer, and what is compared may be that`,
        runs,
        compared,
      ),
      ...told(`Repetitions of meta-training on ${task} differ in more than the meta-seed`, runs, rest),
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
function valuesOf(
  runs: readonly MetaTrainingRecord[],
  field: string,
): ReadonlyMap<string, readonly MetaTrainingRecord[]> {
  return groupBy(runs, ({ settings }) => String(settings[field] ?? "none"));
}

function told(fact: string, runs: readonly MetaTrainingRecord[], fields: ReadonlySet<string>): string[] {
  if (fields.size === 0) return [];
  const parts = [...fields].map((field) => {
    const values = [...valuesOf(runs, field)].map(([value, own]) => `${value} in ${own.length}`);
    return `${field} is ${listed(values)}`;
  });
  return [`${fact}: ${parts.join("; ")} of ${plural(runs.length, "run")}.`];
}

/** Meta-validation counts as still improving if its lowest loss fell by more than this share in the last fifth of meta-training. */
const STILL_FALLING = 0.01;

/** Whether meta-validation had stopped improving where meta-training ended. */
function unfinishedOf({ metaTraining }: Results): string[] {
  const falls = metaTraining.flatMap(({ name, metaValidationCurve }) => {
    const looks = metaValidationCurve.flatMap(({ outerStep, loss }) =>
      loss === null ? [] : [{ outerStep, loss }],
    );
    const last = looks.at(-1);
    if (last === undefined || looks.length < 5) return [];
    const lowest = (share: number) =>
      Math.min(...looks.flatMap((look) => (look.outerStep <= share * last.outerStep ? [look.loss] : [])));
    const before = lowest(0.8);
    return Number.isFinite(before) && before > 0 ? [{ name, fall: 1 - lowest(1) / before }] : [];
  });
  const falling = falls.filter(({ fall }) => fall > STILL_FALLING).sort((a, b) => b.fall - a.fall);
  if (falling.length === 0) return [];
  const [{ name, fall }] = falling as [(typeof falling)[0]];
  return [
    `More meta-training may give more: in ${count(falling.length)} of ${count(falls.length)} runs with five meta-validations or more the lowest meta-validation loss still fell by more than ${100 * STILL_FALLING} % in the last fifth of the outer steps, most in that of ${name}, by ${percent(fall)} %.`,
  ];
}

/** The effect that a test needs to be decided first, when all are corrected together. */
function powerOf({ comparisons }: Results): string[] {
  const tests = comparisons.filter(({ p }) => p !== null);
  const pairs = Math.max(0, ...tests.map((test) => test.pairs));
  if (tests.length === 0 || pairs < 2) return [];
  const needed = studentQuantile(1 - 0.025 / tests.length, pairs - 1) / Math.sqrt(pairs);
  return [
    `Undecided does not mean absent. Holm’s correction runs over ${plural(tests.length, "test")}: with ${plural(pairs, "pair")} of seeds the first of them needs a mean difference of ${significant(needed)} standard deviations, and those after it hardly less. Intervals are not corrected.`,
  ];
}

/** How early “equal training loss” is. */
function levelsOf({ sharpnessAtLoss = [], comparisons }: Results): string[] {
  const shares = sharpnessAtLoss.flatMap(({ maxSteps, summary }) =>
    summary.step.mean === null ? [] : [summary.step.mean / maxSteps],
  );
  if (shares.length === 0) return [];
  const sorted = shares.sort((a, b) => a - b);
  return [
    `“At equal training loss” is where the loss on the examples of the measurement is first seen below a value that every decent optimizer reaches: on the way, not at the end (half of the optimizers get there within ${percent(sorted[Math.floor(sorted.length / 2)]!)} % of their steps).${fewerPairs(comparisons)}`,
  ];
}

/** How many tests at equal training loss rest on the seeds that got there only. */
function fewerPairs(comparisons: readonly Comparison[]): string {
  const most = Math.max(0, ...comparisons.map(({ pairs }) => pairs));
  const tests = comparisons.filter(({ below, p }) => below !== undefined && p !== null);
  const fewer = tests.filter(({ pairs }) => pairs < most);
  if (fewer.length === 0) return "";
  return ` Seeds that did not get there are left out: ${count(fewer.length)} of ${plural(tests.length, "test")} there rest on fewer than ${most} pairs, down to ${Math.min(...fewer.map(({ pairs }) => pairs))}, those that trained fastest.`;
}

/** Whether hand-designed optimizers might do better outside the ranges they were tuned in. */
function rangesOf({ tuning = [] }: Results): string[] {
  const choices = tuning.flatMap((record) => record.chosen.map(({ spec }) => edgeOf(record, spec)));
  if (choices.length === 0) return [];
  const outside = choices.filter((edge) => edge !== undefined);
  const seeds = unique(tuning.map((record) => plural(record.seeds.length, "seed")));
  const where =
    outside.length === 0
      ? "every learning rate chosen lies inside its range"
      : `${count(outside.length)} of ${count(choices.length)} learning rates chosen lie at an end of their range, so that a better one may lie beyond`;
  return [`Hand-designed optimizers were tuned on ${listed(seeds)}: ${where}.${smallestRadii(tuning)}`];
}

/** How often tuning took the least of an explicit regularizer that there was. */
function smallestRadii(tuning: readonly TuningRecord[]): string {
  const choices = tuning.flatMap(({ candidates, chosen }) => {
    const radii = new Set(candidates.flatMap(({ spec }) => settingOf(spec, "rho") ?? []));
    if (radii.size < 2) return [];
    return chosen.map(({ spec }) => settingOf(spec, "rho") === Math.min(...radii));
  });
  const smallest = choices.filter((own) => own).length;
  if (smallest <= choices.length / 2) return "";
  return ` The smallest radius was chosen for ${count(smallest)} of ${count(choices.length)} explicit regularizers: the loss prefers less of one.`;
}

/** The end of its range that a chosen learning rate lies at; nothing inside. */
export function edgeOf({ candidates }: TuningRecord, spec: string): "lowest" | "highest" | undefined {
  const rates = candidates.flatMap((candidate) => settingOf(candidate.spec, "lr") ?? []);
  const own = settingOf(spec, "lr");
  if (own === undefined || new Set(rates).size < 2) return undefined;
  if (own === Math.min(...rates)) return "lowest";
  return own === Math.max(...rates) ? "highest" : undefined;
}

function settingOf(spec: string, name: "lr" | "rho"): number | undefined {
  const found = new RegExp(`[:,]${name}=(\\d[\\d.]*(?:e[+-]?\\d+)?)`).exec(spec)?.[1];
  return found === undefined ? undefined : Number(found);
}
