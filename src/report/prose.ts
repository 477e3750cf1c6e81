import { groupBy, unique } from "../evaluation/group.ts";
import type { Comparison, EvaluationRecord, Results, SharpnessRecord } from "../evaluation/results.ts";
import { count, duration, listed, percent, plural, pValue, signed, significant } from "./format.ts";
import { differenceFormat, measureName } from "./tables.ts";
import { isDecided } from "./verdicts.ts";

/** What was run, in sentences. */
export function summaryOf(results: Results): string[] {
  const { metaTraining, evaluations, sharpness } = results;
  const sentences: string[] = [];
  if (results.kind === "reproduce-paper") {
    sentences.push(...populationOf(results));
  } else if (metaTraining.length > 0) {
    const tasks = unique(metaTraining.map(({ task }) => task));
    const steps = unique(metaTraining.map(({ outerSteps }) => count(outerSteps)));
    const trained = metaTraining.map(({ name, regularizer }) =>
      regularizer === "none"
        ? `${name}, without a regularizer`
        : `${name}, with ${regularizer} in its meta-objective`,
    );
    sentences.push(
      `${capitalized(plural(metaTraining.length, "learned optimizer"))} ${metaTraining.length === 1 ? "was" : "were"} meta-trained on ${listed(tasks)} for ${listed(steps)} outer steps: ${trained.join("; ")}.`,
    );
  }
  const runs = evaluations.length > 0 ? evaluations : sharpness;
  if (runs.length > 0 && results.kind !== "reproduce-paper") {
    sentences.push(`${listed(unique(runs.map(({ optimizer }) => optimizer)))} ${ran(runs)}.`);
  }
  if (sharpness.length > 0) {
    const radii = unique(
      sharpness.flatMap(({ summary }) => summary.radii.map(({ radius }) => String(radius))),
    );
    sentences.push(
      `Sharpness was measured around the points they reached${radii.length === 0 ? "" : `, in balls of radius ${listed(radii)}`}.`,
    );
  }
  sentences.push(timeOf(results));
  return sentences;
}

/** How long it took. An experiment that grew, or was interrupted, counts its runs, whenever they were made. */
function timeOf({ durationSeconds, runSeconds, metaTraining }: Results): string {
  if (runSeconds === undefined) return `The whole command took ${duration(durationSeconds)}.`;
  const before = metaTraining.reduce((sum, { seconds }) => sum + seconds, 0);
  const trained = before === 0 ? "" : ` Meta-training took ${duration(before)} beforehand.`;
  return `The runs took ${duration(runSeconds)} of one core.${trained}`;
}

/** Who took part in a large experiment: how many of which kind, not all their names. */
function populationOf({ metaTraining, evaluations }: Results): string[] {
  const regularizers = unique(metaTraining.map(({ regularizer }) => regularizer));
  const sources = unique(metaTraining.map(({ task }) => task)).map((source) => {
    const own = metaTraining.filter(({ task }) => task === source);
    return `${source} (${plural(unique(own.map(({ metaSeed }) => metaSeed)).length, "meta-seed")})`;
  });
  const hand = unique(
    evaluations.filter(({ group }) => group === "hand-designed").map(({ optimizer }) => optimizer),
  );
  const trained = regularizers.map((spec) => (spec === "none" ? "without a regularizer" : `with ${spec}`));
  return [
    ...(metaTraining.length === 0
      ? []
      : [
          `${capitalized(plural(metaTraining.length, "learned optimizer"))} ${metaTraining.length === 1 ? "was" : "were"} meta-trained on ${listed(sources)}, ${listed(trained)} in the meta-objective.`,
        ]),
    ...(evaluations.length === 0
      ? []
      : [
          `${hand.length === 0 ? "They" : `They and ${plural(hand.length, "hand-designed optimizer")}`} ${ran(evaluations)}.`,
        ]),
  ];
}

function ran(records: readonly (EvaluationRecord | SharpnessRecord)[]): string {
  const optimizers = unique(records.map(({ optimizer }) => optimizer)).length;
  const tasks = listed(unique(records.map(({ task }) => task)));
  const steps = listed(unique(records.map((record) => count(record.steps))));
  const seeds = unique(records.map(({ summary }) => summary.seeds)).map((n) => plural(n, "seed"));
  return `${optimizers === 1 ? "was" : "were each"} run on ${tasks} for ${steps} steps with ${listed(seeds)}`;
}

/** One thing that came out; `decided` if a test stands behind it. */
export interface Finding {
  readonly text: string;
  readonly decided: boolean;
}

/** What came out on every task at its longest runs: the best means, then the tested differences. */
export function findingsOf(results: Results): Finding[] {
  const known = [...results.evaluations, ...results.comparisons];
  // the paper's questions are answered one by one
  const tasks = results.kind === "reproduce-paper" ? [] : unique(known.map(({ task }) => task));
  const findings = tasks.flatMap((task) => [
    ...leadersOf(longestOf(results.evaluations, task)),
    ...differencesOf([
      ...longestOf(
        results.comparisons.filter(({ measure }) => measure === "testAccuracy"),
        task,
      ),
      // sharpness may have been measured after fewer steps
      ...longestOf(
        results.comparisons.filter(({ measure, below }) => measure === "curvatureGap" && below === undefined),
        task,
      ),
    ]),
  ]);
  const diverged = divergedRuns(results.evaluations);
  if (diverged > 0) {
    const text = capitalized(`${plural(diverged, "run")} diverged; means and intervals are over the others.`);
    findings.push({ text, decided: false });
  }
  return findings;
}

/** A run that is evaluated after several numbers of steps is one run. */
function divergedRuns(evaluations: readonly EvaluationRecord[]): number {
  const runs = evaluations.flatMap(({ task, spec, seeds }) =>
    seeds.flatMap(({ seed, diverged }) => (diverged ? [JSON.stringify([task, spec, seed])] : [])),
  );
  return new Set(runs).size;
}

function leadersOf(records: readonly EvaluationRecord[]): Finding[] {
  const train = best(records, ({ summary }) => summary.trainLoss.mean, -1);
  if (records.length < 2 || train === undefined) return [];
  const { task, steps } = records[0]!;
  const accuracy = best(records, ({ summary }) => summary.testAccuracy?.mean ?? null, 1);
  const loss = `the lowest mean training loss (${significant(train.value)})`;
  const share = accuracy && `the highest mean test accuracy (${percent(accuracy.value)} %)`;
  const rest =
    share === undefined
      ? ""
      : accuracy?.record.optimizer === train.record.optimizer
        ? ` and ${share}`
        : `, ${accuracy?.record.optimizer} ${share}`;
  const text = `After ${count(steps)} steps on ${task}, ${train.record.optimizer} has ${loss}${rest}.`;
  return [{ text, decided: false }];
}

/** One finding for each pair, whose difference in accuracy and in curvature stand side by side. */
function differencesOf(comparisons: readonly Comparison[]): Finding[] {
  const pairs = groupBy(comparisons, ({ candidate, baseline, steps }) =>
    JSON.stringify([candidate, baseline, steps]),
  );
  return [...pairs.values()].map((members) => {
    const { candidate, baseline, steps, task } = members[0]!;
    return {
      text: `${candidate} against ${baseline}, ${count(steps)} steps on ${task}: ${members.map(differenceOf).join("; ")}.`,
      decided: members.some(isDecided),
    };
  });
}

function differenceOf(comparison: Comparison): string {
  const { measure, radius, meanDifference, low, high, pHolm } = comparison;
  const accuracy = measure === "testAccuracy";
  const format = differenceFormat(comparison);
  const difference = meanDifference ?? 0;
  const size = `${format(Math.abs(difference))}${accuracy ? " points" : ""} ${difference < 0 ? "lower" : "higher"}`;
  const where = radius === undefined ? "" : ` at radius ${radius}`;
  const what = `${accuracy ? "test accuracy" : measureName(measure).toLowerCase()}${where} is ${size}`;
  if (pHolm === null || low === null) return `${what} (too few seeds for a test)`;
  const p = pValue(pHolm);
  const verdict = isDecided(comparison) ? "" : ", not significant";
  return `${what} (95\u00a0% interval ${signed(format)(low)} to ${signed(format)(high)}; corrected p\u00a0${p.startsWith("<") ? p : `=\u00a0${p}`}${verdict})`;
}

function longestOf<R extends { task: string; steps: number }>(records: readonly R[], task: string): R[] {
  const own = records.filter((record) => record.task === task);
  const longest = Math.max(...own.map(({ steps }) => steps));
  return own.filter(({ steps }) => steps === longest);
}

/** The text with its first letter in upper case. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Records that share task and steps, in order of first appearance. */
export function groupsOf<R extends { task: string; steps: number }>(records: readonly R[]): R[][] {
  return [...groupBy(records, ({ task, steps }) => JSON.stringify([task, steps])).values()];
}

function best<R>(records: readonly R[], read: (record: R) => number | null, direction: 1 | -1) {
  let found: { record: R; value: number } | undefined;
  for (const record of records) {
    const value = read(record);
    if (value !== null && (found === undefined || direction * (value - found.value) > 0))
      found = { record, value };
  }
  return found;
}
