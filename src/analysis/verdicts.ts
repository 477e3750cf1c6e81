import { mean, unique } from "../evaluation/group.ts";
import { bySource, isHome, isPlain, isSameMethod, methodKey, plainOf } from "../evaluation/method-id.ts";
import type { Comparison, EvaluationRecord, Results } from "../evaluation/results.ts";
import {
  isDecided,
  noWorseTally,
  type Outcome,
  outcomeOf,
  type Tally,
  tallyOf,
  testsIn,
} from "./decisions.ts";
import { rangeOf, type VerdictFact } from "./facts.ts";
import { isJudge, measureOf, ownQuantity } from "./measures.ts";

/** The answer to one of the paper's questions, decided by the tests in the results. */
export interface Verdict {
  readonly id: "learned" | "transfer" | "radius" | "cost";
  readonly outcome: Outcome;
  /** What was found, behind the outcome or beside it. */
  readonly facts: readonly VerdictFact[];
  /** The tests behind the outcome, by what they compare. */
  readonly tallies: Readonly<Partial<Record<TestedAt, Tally>>>;
}

/** What tests of a claim compare. */
export type TestedAt = "equal steps" | "equal training loss" | "quality";

/** A metric in [0, 1] is no worse if it is not lower by more than one point. */
export const MARGIN = 0.01;

/** The paper's questions with what these results say to each. */
export function verdictsOf(results: Results): Verdict[] {
  return [learnedVerdict(results), transferVerdict(results), radiusVerdict(results), costVerdict(results)];
}

/** Tests of regularized against plain learned optimizers of the same source. */
export function learnedTests({ comparisons }: Pick<Results, "comparisons">): Comparison[] {
  return comparisons.filter(
    ({ candidate, baseline }) =>
      candidate.source !== undefined && !isPlain(candidate) && isSameMethod(plainOf(candidate), baseline),
  );
}

/** Tests of regularized learned optimizers against hand-designed ones with explicit regularizers. */
export function explicitTests(results: Results): Comparison[] {
  return results.comparisons.filter(
    ({ candidate, baseline, measure }) =>
      isJudge(measure, results) &&
      candidate.source !== undefined &&
      baseline.source === undefined &&
      !isPlain(candidate) &&
      !isPlain(baseline),
  );
}

/** Tests of explicit regularizers against the same hand-designed optimizer without. */
export function controlTests({ comparisons }: Results): Comparison[] {
  return comparisons.filter(
    ({ candidate, baseline }) =>
      candidate.source === undefined && !isPlain(candidate) && isSameMethod(plainOf(candidate), baseline),
  );
}

/** Whether a test is of the quantity that its own regularizer lowers. */
export function isOwnProperty(
  { measure, candidate }: Pick<Comparison, "measure" | "candidate">,
  results: Pick<Results, "regularizers">,
): boolean {
  return measure === ownQuantity(candidate.regularizer, results);
}

function learnedVerdict(results: Results): Verdict {
  const own = learnedTests(results).filter(({ candidate, task }) => isHome(candidate, task));
  const properties = own.filter((test) => isOwnProperty(test, results));
  const { equalSteps, equalLoss } = flatnessTallies(properties, own);
  const quality = qualityOf(own, results);
  const trainLoss = tallyOf(
    own.filter(({ measure }) => measure === "trainLoss"),
    "higher",
  );
  const facts: VerdictFact[] = [
    ...byRegularizer(
      properties.filter(({ below }) => below === undefined),
      results,
    ),
    ...unequallyTrained(equalSteps),
    ...(trainLoss.support === 0 ? [] : [{ fact: "training loss", tally: trainLoss } as const]),
    testsIn(equalLoss) === 0 ? { fact: "equal loss not compared" } : equalLossFact(equalLoss, properties),
    ...quality.facts,
    ...controlOf(results),
  ];
  return {
    id: "learned",
    outcome: flatterOutcome(equalSteps, equalLoss),
    facts: testsIn(equalSteps) === 0 ? [{ fact: "nothing tested", claim: "flatter" }] : facts,
    tallies: { "equal steps": equalSteps, "equal training loss": equalLoss, quality: quality.tally },
  };
}

function transferVerdict(results: Results): Verdict {
  const elsewhere = learnedTests(results).filter(({ candidate, task }) => !isHome(candidate, task));
  const properties = elsewhere.filter((test) => isOwnProperty(test, results));
  const { equalSteps, equalLoss } = flatnessTallies(properties, elsewhere);
  const quality = qualityOf(elsewhere, results);
  const tasks = bySource(elsewhere.map(({ candidate, task }) => ({ method: candidate, task }))).map(
    ({ members }) => unique(members.map(({ task }) => task)).length,
  );
  const facts: VerdictFact[] = [
    { fact: "elsewhere", tasks: rangeOf(tasks) ?? [0, 0], tally: equalSteps },
    ...unequallyTrained(equalSteps),
    ...(testsIn(equalLoss) === 0 ? [] : [equalLossFact(equalLoss, properties)]),
    ...quality.facts,
  ];
  return {
    id: "transfer",
    outcome: outcomeOf([equalSteps, equalLoss, quality.tally]),
    facts:
      testsIn(equalSteps) + testsIn(quality.tally) === 0
        ? [{ fact: "nothing tested", claim: "transfers" }]
        : facts,
    tallies: { "equal steps": equalSteps, "equal training loss": equalLoss, quality: quality.tally },
  };
}

function radiusVerdict(results: Results): Verdict {
  const all = learnedTests(results);
  const properties = all.filter((test) => isOwnProperty(test, results) && test.below === undefined);
  const radii = unique(properties.flatMap(({ radius }) => radius ?? [])).sort((a, b) => a - b);
  const tallies = radii
    .map((radius) => ({
      radius,
      tally: tallyOf(
        properties.filter((test) => test.radius === radius),
        "lower",
      ),
    }))
    .filter(({ tally }) => testsIn(tally) > 0);
  const { equalSteps } = flatnessTallies(properties, all);
  return {
    id: "radius",
    outcome: outcomeOf(tallies.map(({ tally }) => tally)),
    tallies: { "equal steps": equalSteps },
    facts:
      tallies.length === 0
        ? [{ fact: "nothing tested", claim: "flatter" }]
        : [{ fact: "by radius", tallies }, ...unequallyTrained(equalSteps)],
  };
}

function costVerdict(results: Results): Verdict {
  const { evaluations, metaTraining, comparisons } = results;
  const learned = evaluations.filter(({ group }) => group === "learned");
  const explicit = evaluations.filter(({ group, method }) => group === "hand-designed" && !isPlain(method));
  const shares = explicitTests(results).filter(({ measure }) => {
    const metric = results.metrics.find(({ name }) => name === measure);
    return metric?.format === "percent" && metric.better === "higher";
  });
  const { tally, close } = noWorseTally(shares, comparisons, MARGIN);
  const gradients = (records: readonly EvaluationRecord[]) =>
    rangeOf(records.map(({ gradientsPerStep }) => Number(gradientsPerStep.toFixed(2))));
  const [ours, theirs] = [gradients(learned), gradients(explicit)];
  const single = ours === undefined || ours[1] <= 1;
  const facts: VerdictFact[] = [
    ...(ours === undefined || theirs === undefined
      ? []
      : [{ fact: "gradients a step", learned: ours, explicit: theirs } as const]),
    ...twoForms(results),
    testsIn(tally) === 0
      ? { fact: "nothing tested", claim: "explicit" }
      : { fact: "no worse", tally, close, margin: MARGIN },
    ...timeOf(learned, explicit),
    ...(metaTraining.length === 0
      ? []
      : [
          {
            fact: "meta-training",
            gradients: metaTraining.reduce((sum, { gradientEvaluations }) => sum + gradientEvaluations, 0),
            runs: metaTraining.length,
          } as const,
        ]),
  ];
  return {
    id: "cost",
    // that a step takes one gradient is how it is built: the tests decide what is given up for it
    outcome: single ? outcomeOf([tally]) : "not reproduced",
    facts,
    tallies: { quality: tally },
  };
}

/** For and against a better value of what tasks are judged by. */
function qualityOf(
  tests: readonly Comparison[],
  results: Results,
): { readonly tally: Tally; readonly facts: VerdictFact[] } {
  const judged = tests.filter(({ measure }) => isJudge(measure, results));
  const tally = tallyOf(judged, ({ measure }) => measureOf(measure, results.metrics).better);
  const measures = unique(judged.map(({ measure }) => measure));
  return { tally, facts: testsIn(tally) === 0 ? [] : [{ fact: "quality", measures, tally }] };
}

/** How many decided tests are of networks whose training loss differs significantly too. */
function countUnequallyTrained(properties: readonly Comparison[], all: readonly Comparison[]): number {
  const placeOf = ({ candidate, baseline, task, steps }: Comparison): string =>
    JSON.stringify([methodKey(candidate), methodKey(baseline), task, steps]);
  const unequal = all.filter(
    (test) => test.measure === "trainLoss" && test.below === undefined && isDecided(test),
  );
  const places = new Set(unequal.map(placeOf));
  return properties.filter((test) => isDecided(test) && places.has(placeOf(test))).length;
}

function unequallyTrained({ support, against, unequallyTrained: count = 0 }: Tally): VerdictFact[] {
  return count === 0 ? [] : [{ fact: "unequally trained", count, of: support + against }];
}

function equalLossFact(tally: Tally, tests: readonly Comparison[]): VerdictFact {
  const untested = tests.filter(({ below, p }) => below !== undefined && p === null).length;
  return { fact: "equal loss", tally, untested };
}

/** For and against a lower value, after equal steps and at equal training loss. */
function flatnessTallies(
  properties: readonly Comparison[],
  all: readonly Comparison[],
): { equalSteps: Tally; equalLoss: Tally } {
  const equalSteps = properties.filter(({ below }) => below === undefined);
  const equalLoss = properties.filter(({ below }) => below !== undefined);
  return {
    equalSteps: { ...tallyOf(equalSteps, "lower"), unequallyTrained: countUnequallyTrained(equalSteps, all) },
    equalLoss: tallyOf(equalLoss, "lower"),
  };
}

/** Flatter at equal steps and at equal training loss; at equal steps alone it may be less training, so partly at most. */
function flatterOutcome(equalSteps: Tally, equalLoss: Tally): Outcome {
  const outcome = outcomeOf([equalSteps, equalLoss]);
  return outcome === "reproduced" && testsIn(equalLoss) === 0 ? "partly reproduced" : outcome;
}

function byRegularizer(tests: readonly Comparison[], results: Results): VerdictFact[] {
  return unique(tests.map(({ candidate }) => candidate.regularizer)).flatMap((regularizer): VerdictFact[] => {
    const tally = tallyOf(
      tests.filter(({ candidate }) => candidate.regularizer === regularizer),
      "lower",
    );
    const measure = ownQuantity(regularizer, results);
    return testsIn(tally) === 0 ? [] : [{ fact: "own quantity", regularizer, measure, tally }];
  });
}

/** Whether explicit regularizers do what they are made for under the same measurement. */
function controlOf(results: Results): VerdictFact[] {
  const tally = tallyOf(
    controlTests(results).filter(({ measure, below }) => measure === "topEigenvalue" && below === undefined),
    "lower",
  );
  return testsIn(tally) === 0 ? [] : [{ fact: "control", tally }];
}

/** Where what is learned and what is explicit are two forms of one name. */
function twoForms({ evaluations, regularizers }: Results): VerdictFact[] {
  const used = (learned: boolean): string[] =>
    unique(
      evaluations
        .filter(({ group }) => (group === "learned") === learned)
        .map(({ method }) => method.regularizer),
    );
  const labelOf = (name: string) => regularizers[name]?.label;
  const labels = used(true).flatMap((name) =>
    used(false).some((other) => other !== name && labelOf(other) === labelOf(name))
      ? (labelOf(name) ?? [])
      : [],
  );
  return labels.map((label) => ({ fact: "two forms", label }));
}

function timeOf(learned: readonly EvaluationRecord[], explicit: readonly EvaluationRecord[]): VerdictFact[] {
  const secondsOf = (records: readonly EvaluationRecord[], task: string): number =>
    mean(records.flatMap((record) => (record.task === task ? (record.secondsPerStep ?? []) : [])));
  const ratios = unique(learned.map(({ task }) => task))
    .map((task) => secondsOf(learned, task) / secondsOf(explicit, task))
    .filter((ratio) => Number.isFinite(ratio) && ratio > 0);
  const ratio = rangeOf(ratios);
  return ratio === undefined ? [] : [{ fact: "time", ratio, tasks: ratios.length }];
}
