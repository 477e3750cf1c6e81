import { unique } from "../evaluation/group.ts";
import { groupName, regularizerIn } from "../evaluation/names.ts";
import type { Comparison, EvaluationRecord, Results, TransferCell } from "../evaluation/results.ts";
import { mean } from "../evaluation/statistics.ts";
import { count, fixed, listed, MISSING, plural, signed, significant } from "./format.ts";
import { measureName } from "./tables.ts";

/** How far a claim of the paper holds in the results at hand. */
export type Outcome = "reproduced" | "partly reproduced" | "not reproduced" | "not tested";

/** The answer to one of the paper's questions, decided by the tests in the results. */
export interface Verdict {
  readonly id: "learned" | "transfer" | "radius" | "cost";
  readonly question: string;
  /** What the paper claims. */
  readonly claim: string;
  readonly outcome: Outcome;
  /** What was found, in sentences. */
  readonly found: readonly string[];
  /** The tests behind the outcome, by what they compare. */
  readonly tallies: Readonly<Partial<Record<TestedAt, Tally>>>;
}

/** What tests of a claim compare. */
export type TestedAt = "equal steps" | "equal training loss" | "test accuracy";

/** What tests of one claim came to. */
export interface Tally {
  /** Differences in the claimed direction with a corrected p below 0.05, in every repetition. */
  readonly support: number;
  /** The same in the other direction. */
  readonly against: number;
  readonly undecided: number;
  /** Of `support` and `against` after equal steps, how many are where the training loss differs significantly too. */
  readonly unequallyTrained?: number;
}

const SIGNIFICANT = 0.05;
/** An accuracy is no worse if the interval of its difference stays above minus one point. */
const MARGIN = 0.01;

/** The quantity each regularizer is made to lower; that of SAM for those the paper does not have. */
export function propertyOf(regularizer: string): "maxLoss" | "surrogateGap" | "maxGradientNorm" {
  if (regularizer === "gsam") return "surrogateGap";
  return regularizer.startsWith("gam") ? "maxGradientNorm" : "maxLoss";
}

/** The paper's questions with what these results say to each. */
export function verdictsOf(results: Results): Verdict[] {
  return [learnedVerdict(results), transferVerdict(results), radiusVerdict(results), costVerdict(results)];
}

/** Whether a difference counts: its corrected p is below 0.05 and every repetition has its direction. */
export function isDecided({ p, pHolm, repetitions, agreeing }: Comparison): boolean {
  if (p === null || pHolm === null || pHolm >= SIGNIFICANT) return false;
  return repetitions === undefined || agreeing === repetitions;
}

/** Whether the change that a cell of the transfer matrix shows counts, by the test of it after equal steps. */
export function isDecidedCell(cell: TransferCell, tests: readonly Comparison[]): boolean {
  const test = tests.find(
    (other) =>
      other.source === cell.source &&
      other.regularizer === cell.regularizer &&
      other.task === cell.task &&
      other.steps === cell.steps &&
      other.measure === cell.measure &&
      other.radius === cell.radius &&
      other.below === undefined,
  );
  return test !== undefined && isDecided(test);
}

/** Counts comparisons for and against a claim; one that could not be tested is left out. */
export function tallyOf(comparisons: readonly Comparison[], direction: "lower" | "higher"): Tally {
  const tested = comparisons.filter(({ pHolm, p }) => pHolm !== null && p !== null);
  const decided = tested.filter(isDecided);
  const sign = direction === "lower" ? -1 : 1;
  const support = decided.filter(({ meanDifference }) => Math.sign(meanDifference ?? 0) === sign).length;
  const against = decided.length - support;
  return { support, against, undecided: tested.length - decided.length };
}

/**
 * The outcome of a claim: reproduced if more than half of the tests support it and none contradicts it, partly if more
 * support than contradict it, not tested if there is no test.
 */
export function outcomeOf({ support, against, undecided }: Tally): Outcome {
  const tested = support + against + undecided;
  if (tested === 0) return "not tested";
  if (support > tested / 2 && against === 0) return "reproduced";
  return support > against ? "partly reproduced" : "not reproduced";
}

/** The outcome of a claim that has several parts, all of which must hold; parts that were not tested do not count. */
export function jointOutcome(parts: readonly Outcome[]): Outcome {
  const tested = parts.filter((part) => part !== "not tested");
  if (tested.length === 0) return "not tested";
  if (tested.every((part) => part === "reproduced")) return "reproduced";
  return tested.every((part) => part === "not reproduced") ? "not reproduced" : "partly reproduced";
}

/** Tests of regularized against plain learned optimizers. */
export function learnedTests({
  comparisons,
}: Results): (Comparison & { source: string; regularizer: string })[] {
  return comparisons.filter(
    (test): test is Comparison & { source: string; regularizer: string } =>
      test.source !== undefined && test.regularizer !== undefined,
  );
}

/** Whether a test is of the quantity that its own regularizer lowers. */
export function isOwnProperty({ measure, regularizer }: { measure: string; regularizer: string }): boolean {
  return measure === propertyOf(regularizer);
}

/** Whether a task is among those a learned optimizer was meta-trained on. */
export function isSource({ task, source }: { task: string; source: string }): boolean {
  return source.split(", ").includes(task);
}

function learnedVerdict(results: Results): Verdict {
  const own = learnedTests(results).filter(isSource);
  const properties = own.filter(isOwnProperty);
  const { equalSteps, equalLoss } = flatnessTallies(properties, own);
  const accuracy = tallyOf(
    own.filter(({ measure }) => measure === "testAccuracy"),
    "higher",
  );
  const trainLoss = tallyOf(
    own.filter(({ measure }) => measure === "trainLoss"),
    "higher",
  );
  const found = [
    ...byRegularizer(properties.filter(({ below }) => below === undefined)),
    ...unequallyTrainedNote(equalSteps),
    ...(trainLoss.support === 0
      ? []
      : [
          `Equal steps are not equal training: with a regularizer the training loss is ${told(trainLoss, "higher")}.`,
        ]),
    tested(equalLoss) === 0
      ? "No run was compared at equal training loss, so that “flatter” may only mean “less trained”."
      : `At equal training loss, ${told(equalLoss, "lower")}${fewGotThere(properties)}.`,
    ...(tested(accuracy) === 0 ? [] : [`Test accuracy there: ${told(accuracy, "higher")}.`]),
    ...controlOf(results),
  ];
  return {
    id: "learned",
    question: "Can a regularizer be learned?",
    claim:
      "A learned optimizer that was meta-trained with SAM, GSAM or GAM in its meta-objective finds flatter ground by itself, from plain gradients, than one that was meta-trained without.",
    outcome: flatterOutcome(equalSteps, equalLoss),
    found: tested(equalSteps) === 0 ? [NOTHING_TESTED] : found,
    tallies: { "equal steps": equalSteps, "equal training loss": equalLoss, "test accuracy": accuracy },
  };
}

/** How many tests decided after equal steps, for or against, are of networks whose training loss differs significantly too. */
function countUnequallyTrained(properties: readonly Comparison[], all: readonly Comparison[]): number {
  const placeOf = ({ candidate, baseline, task, steps }: Comparison): string =>
    JSON.stringify([candidate, baseline, task, steps]);
  const unequal = all.filter(
    (test) => test.measure === "trainLoss" && test.below === undefined && isDecided(test),
  );
  const places = new Set(unequal.map(placeOf));
  return properties.filter((test) => isDecided(test) && places.has(placeOf(test))).length;
}

/** The same in words, if there are any. */
function unequallyTrainedNote({ support, against, unequallyTrained = 0 }: Tally): string[] {
  if (unequallyTrained === 0) return [];
  return [
    `In ${count(unequallyTrained)} of these ${count(support + against)} significant differences the training loss differs significantly too: what differs may be how far the networks were trained.`,
  ];
}

/** How many comparisons at equal training loss could not be tested, in words. */
function fewGotThere(tests: readonly Comparison[]): string {
  const untested = tests.filter(({ below, p }) => below !== undefined && p === null).length;
  return untested === 0 ? "" : ` (in ${untested} more too few runs got there)`;
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
  const outcome = jointOutcome([outcomeOf(equalSteps), outcomeOf(equalLoss)]);
  return outcome === "reproduced" && tested(equalLoss) === 0 ? "partly reproduced" : outcome;
}

const NOTHING_TESTED =
  "These results hold no tested comparison of a regularized with a plain learned optimizer on which to decide it.";

function transferVerdict(results: Results): Verdict {
  const elsewhere = learnedTests(results).filter((test) => !isSource(test));
  const properties = elsewhere.filter(isOwnProperty);
  const { equalSteps, equalLoss } = flatnessTallies(properties, elsewhere);
  const accuracy = tallyOf(
    elsewhere.filter(({ measure }) => measure === "testAccuracy"),
    "higher",
  );
  const flatness = flatterOutcome(equalSteps, equalLoss);
  const better = outcomeOf(accuracy);
  const sources = new Set(elsewhere.map(({ source }) => source));
  const others = [...sources].map(
    (source) => new Set(elsewhere.filter((test) => test.source === source).map(({ task }) => task)).size,
  );
  return {
    id: "transfer",
    question: "Does it transfer?",
    claim:
      "The effect carries over to datasets and architectures that were not met in meta-training, in flatness and in test accuracy.",
    outcome: jointOutcome([flatness, better]),
    tallies: { "equal steps": equalSteps, "equal training loss": equalLoss, "test accuracy": accuracy },
    found:
      tested(equalSteps) + tested(accuracy) === 0
        ? ["Nothing was evaluated on a task that was not met in meta-training with enough seeds for a test."]
        : [
            ...(tested(equalSteps) === 0 || tested(accuracy) === 0
              ? []
              : [`In flatness: ${flatness}. In test accuracy: ${better}.`]),
            `On the ${rangeOf(others)} ${Math.max(...others) === 1 ? "task" : "tasks"} other than its own for each source, each regularizer’s own quantity: ${told(equalSteps, "lower")}.`,
            ...unequallyTrainedNote(equalSteps),
            ...(tested(equalLoss) === 0
              ? []
              : [`At equal training loss: ${told(equalLoss, "lower")}${fewGotThere(properties)}.`]),
            ...(tested(accuracy) === 0 ? [] : [`Test accuracy: ${told(accuracy, "higher")}.`]),
          ],
  };
}

/** `5`, or `5 to 6` where they differ. */
function rangeOf(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? String(low) : `${low} to ${high}`;
}

function radiusVerdict(results: Results): Verdict {
  const all = learnedTests(results);
  const properties = all.filter((test) => isOwnProperty(test) && test.below === undefined);
  const radii = unique(properties.flatMap(({ radius }) => radius ?? [])).sort((a, b) => a - b);
  const tallies = radii.map((radius) => ({
    radius,
    tally: tallyOf(
      properties.filter((test) => test.radius === radius),
      "lower",
    ),
  }));
  const counted = tallies.filter(({ tally }) => tested(tally) > 0);
  const { equalSteps } = flatnessTallies(properties, all);
  return {
    id: "radius",
    question: "At which radius?",
    claim: `The neighbourhood is lower at every radius that was looked at${radii.length === 0 ? "" : ` (${listed(radii.map(String))})`}.`,
    outcome: jointOutcome(counted.map(({ tally }) => outcomeOf(tally))),
    tallies: { "equal steps": equalSteps },
    found:
      counted.length === 0
        ? [NOTHING_TESTED]
        : [
            `Over all sources, tasks and numbers of steps, each regularizer’s own quantity: ${counted
              .map(({ radius, tally }) => `at radius ${radius} ${told(tally, "lower")}`)
              .join("; ")}.`,
            ...unequallyTrainedNote(equalSteps),
            "At small radii maximum loss and surrogate gap follow the gradient norm at the point reached; only at larger ones do they show curvature.",
          ],
  };
}

function costVerdict(results: Results): Verdict {
  const { evaluations, metaTraining } = results;
  const learned = evaluations.filter(({ group }) => group === "learned");
  const explicit = evaluations.filter(
    ({ group, gradientsPerStep }) => group === "hand-designed" && gradientsPerStep > 1.5,
  );
  const tests = explicitTests(results);
  const tally = accuracyTally(tests);
  const close = tests.filter((test) => isNoWorse(test) && isDecided(test) && test.meanDifference! < 0).length;
  const released = explicit.some(({ optimizer }) => regularizerIn(optimizer) === "GAM");
  const range = (records: readonly EvaluationRecord[]): string =>
    rangeOf(records.map(({ gradientsPerStep }) => Number(gradientsPerStep.toFixed(2))));
  const single = learned.length > 0 && learned.every(({ gradientsPerStep }) => gradientsPerStep < 1.001);
  const found = [
    ...(learned.length === 0 || explicit.length === 0
      ? []
      : [
          `A step of a learned optimizer takes ${range(learned)} gradient, one with an explicit regularizer ${range(explicit)}.${released ? ` ${RELEASED}` : ""}`,
        ]),
    ...(tested(tally) === 0
      ? [NO_EXPLICIT]
      : [
          `Against Adam with the same regularizer explicitly, tuned, test accuracy is no worse (its interval stays above −1 point) in ${tally.support} of ${tested(tally)}${close === 0 ? "" : ` (in ${close} of them significantly lower, by less than a point)`}, significantly lower in ${tally.against} of the others, undecided in ${tally.undecided}.`,
        ]),
    ...timeOf(learned, explicit),
    ...(metaTraining.length === 0
      ? []
      : [
          `Meta-training came before, meta-validations, the search over its settings and runs it started from not counted: ${count(metaTraining.reduce((sum, { gradientEvaluations }) => sum + gradientEvaluations, 0))} gradients in ${plural(metaTraining.length, "run")}.`,
        ]),
  ];
  return {
    id: "cost",
    question: "At what cost?",
    claim:
      "A learned optimizer needs one gradient a step where explicit SAM and GSAM need two and GAM four, and gives nothing up for it.",
    // that a step takes one gradient is how it is built: the tests decide what is given up for it
    outcome: tested(tally) === 0 || single ? outcomeOf(tally) : "not reproduced",
    found,
    tallies: { "test accuracy": tally },
  };
}

const RELEASED =
  "Explicit GAM is the method as its authors released it, with four gradients; in the meta-objective GAM is the paper’s formula.";

const NO_EXPLICIT =
  "No learned optimizer was tested against the explicit regularizer, so nothing is known of what it gives up.";

/** Tests of regularized learned optimizers against hand-designed ones with explicit regularizers. */
export function explicitTests({ comparisons, evaluations, metaTraining }: Results): Comparison[] {
  const hand = new Set(
    evaluations.filter(({ group }) => group === "hand-designed").map(({ optimizer }) => optimizer),
  );
  const regularized = metaTraining.filter(({ regularizer }) => regularizer !== "none");
  const names = new Set(regularized.flatMap(({ name }) => [name, groupName(name)]));
  return comparisons.filter(
    ({ candidate, baseline, measure }) =>
      measure === "testAccuracy" &&
      names.has(candidate) &&
      hand.has(baseline) &&
      regularizerIn(baseline) !== undefined,
  );
}

/** Whether an accuracy is lower by less than the margin, if at all. */
function isNoWorse({ pHolm, low }: Comparison): boolean {
  return pHolm !== null && low !== null && low > -MARGIN;
}

/** Support: no worse by more than the margin; against: significantly lower. */
function accuracyTally(tests: readonly Comparison[]): Tally {
  const usable = tests.filter(({ pHolm, low }) => pHolm !== null && low !== null);
  const support = usable.filter(isNoWorse).length;
  const worse = tallyOf(
    usable.filter((test) => !isNoWorse(test)),
    "lower",
  ).support;
  return { support, against: worse, undecided: usable.length - support - worse };
}

function timeOf(learned: readonly EvaluationRecord[], explicit: readonly EvaluationRecord[]): string[] {
  const secondsOf = (records: readonly EvaluationRecord[], task: string): number => {
    const seconds = records.flatMap((record) =>
      record.task === task && record.secondsPerStep !== undefined ? [record.secondsPerStep] : [],
    );
    return mean(seconds);
  };
  const tasks = unique(learned.map(({ task }) => task));
  const ratios = tasks
    .map((task) => secondsOf(learned, task) / secondsOf(explicit, task))
    .filter((ratio) => Number.isFinite(ratio) && ratio > 0)
    .sort((a, b) => a - b);
  if (ratios.length === 0) return [];
  const [low, high] = [significant(ratios[0]), significant(ratios.at(-1))];
  return [
    `Gradients are not time: on this machine a step of a learned optimizer took ${low === high ? low : `${low} to ${high}`} times as long as one with an explicit regularizer${ratios.length === 1 ? "" : ", by task"}.`,
  ];
}

/** Whether explicit regularizers do what they are made for under the same measurement. */
function controlOf({ comparisons, evaluations }: Results): string[] {
  const hand = new Set(
    evaluations.filter(({ group }) => group === "hand-designed").map(({ optimizer }) => optimizer),
  );
  const control = comparisons.filter(
    ({ candidate, baseline, measure, below }) =>
      measure === "topEigenvalue" &&
      below === undefined &&
      hand.has(candidate) &&
      hand.has(baseline) &&
      candidate.startsWith(`${baseline} + `),
  );
  const tally = tallyOf(control, "lower");
  if (tested(tally) === 0) return [];
  return [`As a control, the top eigenvalue with an explicit regularizer on Adam: ${told(tally, "lower")}.`];
}

function byRegularizer(tests: readonly (Comparison & { regularizer: string })[]): string[] {
  const names = unique(tests.map(({ regularizer }) => regularizer));
  return names.flatMap((regularizer) => {
    const own = tests.filter((test) => test.regularizer === regularizer);
    const tally = tallyOf(own, "lower");
    if (tested(tally) === 0) return [];
    const changes = own.flatMap(({ scale, meanDifference, baselineMean }) => {
      if (scale === "share") return meanDifference ?? [];
      return meanDifference === null ||
        baselineMean === null ||
        baselineMean === undefined ||
        baselineMean === 0
        ? []
        : [meanDifference / Math.abs(baselineMean)];
    });
    const change = changes.length === 0 ? MISSING : signed(fixed(0))(100 * mean(changes));
    return [
      `${regularizer.toUpperCase()}, ${measureName(propertyOf(regularizer)).toLowerCase()} on the task of meta-training: ${told(tally, "lower")} (mean change ${change}\u00a0%).`,
    ];
  });
}

export function tested({ support, against, undecided }: Tally): number {
  return support + against + undecided;
}

/** `lower in 5 of 8 tests, higher in one, undecided in two`. */
export function told(tally: Tally, direction: "lower" | "higher"): string {
  const { support, against, undecided } = tally;
  const other = direction === "lower" ? "higher" : "lower";
  return `significantly ${direction} in ${support} of ${tested(tally)}, significantly ${other} in ${against}, undecided in ${undecided}`;
}
