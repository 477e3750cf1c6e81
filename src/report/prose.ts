import { isDecided } from "../analysis/decisions.ts";
import type { Finding } from "../analysis/facts.ts";
import { divergenceOf, findingsOf } from "../analysis/findings.ts";
import { unique } from "../evaluation/group.ts";
import { bySource } from "../evaluation/method-id.ts";
import { type EvaluationRecord, isLarge, type Results, type SharpnessRecord } from "../evaluation/results.ts";
import { sentenceOf } from "./catalogue.ts";
import { count, duration, listed, plural } from "./format.ts";
import type { Labels } from "./labels.ts";
import { methodsIn } from "./series.ts";

/** What was run, in sentences. */
export function summaryOf(results: Results, labels: Labels): string[] {
  const { metaTraining, evaluations, sharpness } = results;
  const runs = evaluations.length > 0 ? evaluations : sharpness;
  const large = isLarge(results);
  const radii = unique(sharpness.flatMap(({ summary }) => summary.radii.map(({ radius }) => String(radius))));
  return [
    ...(metaTraining.length === 0
      ? []
      : [large ? populationOf(results, labels) : trainedOf(results, labels)]),
    ...(runs.length === 0
      ? []
      : [
          `${large ? competitorsOf(results) : listed(methodsIn(runs).map(labels.method))} ${ran(runs, labels)}.`,
        ]),
    ...(sharpness.length === 0
      ? []
      : [
          `Sharpness was measured around the points they reached${radii.length === 0 ? "" : `, in balls of radius ${listed(radii)}`}.`,
        ]),
    timeOf(results),
  ];
}

/** What came out, in sentences; `decided` where a test stands behind one. */
export function findingSentences(
  results: Results,
  labels: Labels,
): { readonly text: string; readonly decided: boolean }[] {
  // the paper's questions are answered one by one
  const findings = isLarge(results) ? [] : findingsOf(results);
  return [...findings, ...divergenceOf(results)].map((finding: Finding) => ({
    text: sentenceOf(finding, labels),
    decided: finding.fact === "difference" && finding.tests.some(isDecided),
  }));
}

/** How long it took. An experiment that grew, or was interrupted, counts its runs, whenever they were made. */
function timeOf({ durationSeconds, runSeconds, metaTraining }: Results): string {
  if (runSeconds === undefined) return `The whole command took ${duration(durationSeconds)}.`;
  const before = metaTraining.reduce((sum, { seconds }) => sum + seconds, 0);
  const trained = before === 0 ? "" : ` Meta-training took ${duration(before)} beforehand.`;
  return `The runs took ${duration(runSeconds)} of one core.${trained}`;
}

function trainedOf({ metaTraining }: Results, labels: Labels): string {
  const sources = bySource(metaTraining).map(({ source }) => labels.source(source));
  const steps = unique(metaTraining.map(({ outerSteps }) => count(outerSteps)));
  const trained = metaTraining.map(
    ({ method, regularizer }) =>
      `${labels.method(method)}, ${regularizer === "none" ? "without a regularizer" : `with ${regularizer} in its meta-objective`}`,
  );
  return `${howMany(metaTraining.length)} meta-trained on ${listed(sources)} for ${listed(steps)} outer steps: ${trained.join("; ")}.`;
}

/** Who was meta-trained in a large experiment: how many of which kind, not all their names. */
function populationOf({ metaTraining }: Results, labels: Labels): string {
  const sources = bySource(metaTraining).map(({ source, members }) => {
    const seeds = unique(members.map(({ method }) => method.metaSeed)).length;
    return `${labels.source(source)} (${plural(seeds, "meta-seed")})`;
  });
  const trained = unique(metaTraining.map(({ regularizer }) => regularizer)).map((spec) =>
    spec === "none" ? "without a regularizer" : `with ${spec}`,
  );
  return `${howMany(metaTraining.length)} meta-trained on ${listed(sources)}, ${listed(trained)} in the meta-objective.`;
}

function competitorsOf({ evaluations }: Results): string {
  const hand = methodsIn(evaluations.filter(({ group }) => group === "hand-designed")).length;
  return hand === 0 ? "They" : `They and ${plural(hand, "hand-designed optimizer")}`;
}

function howMany(number: number): string {
  return `${capitalized(plural(number, "learned optimizer"))} ${number === 1 ? "was" : "were"}`;
}

function ran(records: readonly (EvaluationRecord | SharpnessRecord)[], labels: Labels): string {
  const tasks = listed(unique(records.map(({ task }) => labels.task(task))));
  const steps = listed(unique(records.map((record) => count(record.steps))));
  const seeds = unique(records.map(({ summary }) => summary.seeds)).map((n) => plural(n, "seed"));
  return `${methodsIn(records).length === 1 ? "was" : "were each"} run on ${tasks} for ${steps} steps with ${listed(seeds)}`;
}

/** The text with its first letter in upper case. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
