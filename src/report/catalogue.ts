// The one place where facts become sentences: the page, the command line, the README and the cards print from here.
import {
  type Change,
  CLAIM_RULES,
  type ClaimId,
  type ClaimPlace,
  HALF,
  LONG,
  meanRatio,
  type Standing,
} from "../analysis/claims.ts";
import type { Outcome, Tally } from "../analysis/decisions.ts";
import { isDecided, testsIn } from "../analysis/decisions.ts";
import type { Fact, Range } from "../analysis/facts.ts";
import type { TestedAt, Verdict } from "../analysis/verdicts.ts";
import type { Comparison } from "../evaluation/results.ts";
import { count, fixed, listed, percent, plural, pValue, signed, significant } from "./format.ts";
import type { Labels } from "./labels.ts";

/** What the paper asks and claims. */
export const QUESTIONS: Readonly<
  Record<Verdict["id"], { readonly question: string; readonly claim: string }>
> = {
  learned: {
    question: "Can a regularizer be learned?",
    claim:
      "A learned optimizer that was meta-trained with SAM, GSAM or GAM in its meta-objective finds flatter ground by itself, from plain gradients, than one that was meta-trained without.",
  },
  transfer: {
    question: "Does it transfer?",
    claim:
      "The effect carries over to datasets and architectures that were not met in meta-training, in flatness and in test accuracy.",
  },
  radius: {
    question: "At which radius?",
    claim: "The neighbourhood is lower at every radius that was looked at.",
  },
  cost: {
    question: "At what cost?",
    claim:
      "A learned optimizer needs one gradient a step where explicit SAM and GSAM need two and GAM four, and gives nothing up for it.",
  },
};

/** When a claim is called what: the rule that `outcomeOf` decides by. */
export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  reproduced: "in every part more than half of the tests are for the claim, and none is against it",
  "partly reproduced": "some tests are for the claim, none is against it",
  mixed: "some tests are for the claim and some against it, the latter in no part more than half",
  "not reproduced":
    "more than half of the tests of a part are against the claim, or some are and none is for it",
  undecided: "no test is for the claim, none against it",
  "not tested": "there is no test",
};

/** What the transfer experiment asks. */
export const CLAIMS: Readonly<Record<ClaimId, { readonly question: string; readonly claim: string }>> = {
  competitive: {
    question: "Would one use it instead of AdamW?",
    claim:
      "A learned optimizer loses no more than a point of test accuracy to AdamW, tuned and scheduled, on most tasks that it never saw.",
  },
  published: {
    question: "Does it reach what others published?",
    claim: "It reaches the test accuracy of the weights that others published, run beside it.",
  },
  "equal-gradients": {
    question: "Is it worth a gradient that is not taken?",
    claim:
      "Meta-trained with a regularizer, it gives after N steps what an explicit one gives after equally many gradients, in fewer steps: as accurate, and on some tasks more.",
  },
  flatter: {
    question: "Is its ground flatter?",
    claim:
      "Meta-trained with a regularizer, it finds ground at most half as sharp as its plain twin at equal training loss, no sharper than AdamW, and as accurate.",
  },
};

const ninths = (share: number): string =>
  `${["no", "one", "two", "three", "four", "five", "six", "seven", "eight"][Math.round(9 * share)]} in nine`;

/** By which rule a claim stands. */
export function claimRule(id: ClaimId): string {
  const { margin = 0, met, better = 0 } = CLAIM_RULES[id];
  const points = `${100 * margin} point${margin === 0.01 ? "" : "s"}`;
  const lengths = `At every length from ${count(LONG)} steps on (or the longest), one learned optimizer or more:`;
  const kept = "test accuracy is not lower (the 95\u00a0% interval of the difference does not lie below 0)";
  const rules: Readonly<Record<ClaimId, string>> = {
    competitive: `mean test accuracy is no lower by more than ${points} than that of AdamW on at least ${ninths(met)} of the tasks`,
    published: `${kept} on any task`,
    "equal-gradients": `mean test accuracy is no lower by more than ${points} on at least ${ninths(met)} of the tasks, and higher (interval above 0) on ${ninths(better)}`,
    flatter: `on every task with ReLU or convolutions, at the lowest training loss that was compared, the top eigenvalue is at most ${HALF} times that of the plain twin and no larger than that of AdamW, and ${kept}`,
  };
  return `${lengths} ${rules[id]}. Tasks of its own meta-training do not count.`;
}

/** What a standing is called. */
export const STANDINGS: Readonly<Record<Standing, string>> = {
  holds: "one learned optimizer or more meets the rule",
  "does not hold": "no learned optimizer meets the rule",
  "not tested": "nothing was compared",
};

/** When a test is for or against a claim; one wording everywhere. */
export const SIGNIFICANCE =
  "“For” and “against” mean p < 0.05 after Holm’s correction over all tests of these results, and the same direction in every meta-seed; the rest is undecided";

/** By which rule a verdict was decided. */
export function ruleOf({ id, outcome }: Pick<Verdict, "id" | "outcome">): string {
  const parts = {
    learned: "Parts: own quantities after equal steps and at equal training loss.",
    transfer: "Parts: own quantities after equal steps and at equal training loss, and test accuracy.",
    radius: "Parts: each radius.",
    cost: "For: test accuracy is no worse by one point (one-sided test, corrected together with all others). Against: it is lower, and not so little.",
  };
  return `${outcome}: ${OUTCOMES[outcome]}. ${parts[id]}`;
}

/** What tests compare, in the heads of tables. */
export const TESTED_AT: Readonly<Record<TestedAt, string>> = {
  "equal steps": "equal steps",
  "equal training loss": "equal training loss",
  quality: "test accuracy",
};

/** `4 for, 0 against of 24 (4 of one run; 2 unequally trained); median −12 % [−30, −2]`. */
export function tallyText(tally: Tally): string {
  const { support, against, ofOneRun = 0, unequallyTrained = 0 } = tally;
  const notes = [
    ...(ofOneRun > 0 ? [`${ofOneRun} of one run`] : []),
    ...(unequallyTrained > 0 ? [`${unequallyTrained} unequally trained`] : []),
  ];
  const noted = notes.length === 0 ? "" : ` (${notes.join("; ")})`;
  const effect = effectText(tally);
  return `${support} for, ${against} against of ${testsIn(tally)}${noted}${effect === "" ? "" : `; median ${effect}`}`;
}

/** `−12 % [−30, −2]`: the median change over all tests and its quartiles; in points for shares that are differences. */
export function effectText({ effect }: Tally): string {
  if (effect === undefined) return "";
  const format = signed(fixed(effect.of === "share" ? 0 : 1));
  const [low, median, high] = [effect.low, effect.median, effect.high].map((value) => format(100 * value));
  return `${median}${effect.of === "share" ? "\u00a0%" : " points"} [${low}, ${high}]`;
}

/** `significantly lower in 5 of 8 tests, significantly higher in 1, undecided in 2`. */
function told(
  { support, against, undecided, ...rest }: Tally,
  direction: "lower" | "higher" | "better",
): string {
  const other = { lower: "higher", higher: "lower", better: "worse" }[direction];
  const effect = effectText({ support, against, undecided, ...rest });
  const of = testsIn({ support, against, undecided });
  return `significantly ${direction} in ${support} of ${of}, significantly ${other} in ${against}, undecided in ${undecided}${effect === "" ? "" : ` (median change ${effect})`}`;
}

function spread([low, high]: Range, format: (value: number) => string = String): string {
  const [one, other] = [format(low), format(high)];
  return one === other ? one : `${one} to ${other}`;
}

type Sentences = {
  readonly [F in Fact["fact"]]: (fact: Extract<Fact, { fact: F }>, labels: Labels) => string;
};

const NOTHING_TESTED = {
  flatter:
    "These results hold no tested comparison of a regularized with a plain learned optimizer on which to decide it.",
  transfers:
    "Nothing was evaluated on a task that was not met in meta-training with enough seeds for a test.",
  explicit:
    "No learned optimizer was tested against the explicit regularizer, so nothing is known of what it gives up.",
};

const NOT_CONVERGED = {
  topEigenvalue: ["top eigenvalues", "they are lower bounds"],
  trace: ["traces", "their standard error is above 5 %"],
  eigenvalues: ["spectra", "their residuals are above 0.1 % of the largest modulus"],
} as const;

const SENTENCES: Sentences = {
  "nothing tested": ({ claim }) => NOTHING_TESTED[claim],
  "own quantity": ({ regularizer, measure, tally }, labels) =>
    `${labels.regularizer(regularizer)}, ${measure === undefined ? "own quantity" : labels.measure(measure).toLowerCase()} on the task of meta-training: ${told(tally, "lower")}.`,
  "unequally trained": ({ count: own, of }) =>
    `In ${count(own)} of these ${count(of)} significant differences the training loss differs significantly too: what differs may be how far the networks were trained.`,
  "training loss": ({ tally }) =>
    `Equal steps are not equal training: with a regularizer the training loss is ${told(tally, "higher")}.`,
  "equal loss": ({ tally, untested }) =>
    `At equal training loss: ${told(tally, "lower")}${untested === 0 ? "" : ` (in ${untested} more too few runs got there)`}.`,
  "equal loss not compared": () =>
    "No run was compared at equal training loss, so that “flatter” may only mean “less trained”.",
  quality: ({ measures, tally }, labels) =>
    `${listed(measures.map(labels.measure))}: ${told(tally, "better")}.`,
  control: ({ tally }) =>
    `As a control, the top eigenvalue with an explicit regularizer on the same optimizer: ${told(tally, "lower")}.`,
  elsewhere: ({ tasks, tally }) =>
    `On the ${spread(tasks)} ${tasks[1] === 1 ? "task" : "tasks"} other than its own for each source, each regularizer’s own quantity: ${told(tally, "lower")}.`,
  "by radius": ({ tallies }) =>
    `Over all sources, tasks and numbers of steps, each regularizer’s own quantity: ${tallies
      .map(({ radius, tally }) => `at radius ${radius} ${told(tally, "lower")}`)
      .join(
        "; ",
      )}. At small radii maximum loss and surrogate gap follow the gradient norm at the point reached; only at larger ones do they show curvature.`,
  "gradients a step": ({ learned, explicit }) =>
    `A step of a learned optimizer takes ${spread(learned)} gradient, one with an explicit regularizer ${spread(explicit)}.`,
  "two forms": ({ label }) =>
    `Explicit ${label} is the method as its authors released it; in the meta-objective ${label} is the paper’s formula.`,
  "no worse": ({ tally, close, margin }) =>
    `Against the hand-designed optimizer with the same regularizer explicitly, tuned, test accuracy is significantly no worse by ${fixed(0)(100 * margin)} point in ${tally.support} of ${testsIn(tally)}${close === 0 ? "" : ` (in ${close} of them significantly lower, by less)`}, significantly lower in ${tally.against} of the others, undecided in ${tally.undecided} (median change ${effectText(tally)}).`,
  time: ({ ratio, tasks }) =>
    `Gradients are not time: on this machine a step of a learned optimizer took ${spread(ratio, significant)} times as long as one with an explicit regularizer${tasks === 1 ? "" : ", by task"}.`,
  "meta-training": ({ gradients, runs }) =>
    `Meta-training came before, meta-validations, the search over its settings and runs it started from not counted: ${count(gradients)} gradients in ${plural(runs, "run")}.`,

  "single runs": ({ sources }, labels) =>
    `From ${listed(sources.map(labels.source))} there is one meta-training run for each regularizer: a test says that this optimizer differs from that one, not that meta-training again would give the same.`,
  "recipes differ": ({ among, source, runs, settings }, labels) => {
    const parts = settings.map(
      ({ name, values }) => `${name} is ${listed(values.map(([value, own]) => `${value} in ${own}`))}`,
    );
    const fact =
      among === "compared"
        ? `Meta-training runs on ${labels.source(source)} differ in more than the regularizer, and what is compared may be that`
        : `Repetitions of meta-training on ${labels.source(source)} differ in more than the meta-seed`;
    return `${fact}: ${parts.join("; ")} of ${plural(runs, "run")}.`;
  },
  "still improving": ({ runs, of, most, fall, threshold }, labels) =>
    `More meta-training may give more: in ${count(runs)} of ${count(of)} runs with five meta-validations or more the lowest meta-validation loss still fell by more than ${100 * threshold} % in the last fifth of the outer steps, most in that of ${labels.method(most)}, by ${percent(fall)} %.`,
  power: ({ tests, pairs, effect }) =>
    `Undecided does not mean absent. Holm’s correction runs over ${plural(tests, "test")}: with ${plural(pairs, "pair")} of seeds the first of them needs a mean difference of ${significant(effect)} standard deviations, and those after it hardly less. Intervals are not corrected.`,
  "equal loss is early": ({ share, fewer }) =>
    `“At equal training loss” is where the loss on the examples of the measurement is first seen below a value that every decent optimizer reaches: on the way, not at the end (half of the optimizers get there within ${percent(share)} % of their steps).${
      fewer === undefined
        ? ""
        : ` Seeds that did not get there are left out: ${count(fewer.tests)} of ${plural(fewer.of, "test")} there rest on fewer than ${fewer.most} pairs, down to ${fewer.least}, those that trained fastest.`
    }`,
  tuning: ({ seeds, atEdge, choices, smallestRadius }) => {
    const where =
      atEdge === 0
        ? "every learning rate chosen lies inside its range"
        : `${count(atEdge)} of ${count(choices)} learning rates chosen lie at an end of their range, so that a better one may lie beyond`;
    const radii =
      smallestRadius === undefined
        ? ""
        : ` The smallest radius was chosen for ${count(smallestRadius.choices)} of ${count(smallestRadius.of)} explicit regularizers: the loss prefers less of one.`;
    return `Settings in use were chosen on ${listed(seeds.map((number) => plural(number, "seed")))}: ${where}.${radii}`;
  },

  leader: ({ task, steps, trained, judged }, labels) => {
    const loss = `the lowest mean training loss (${significant(trained.loss)})`;
    const first = labels.method(trained.method);
    const share =
      judged &&
      `the best mean ${labels.measure(judged.measure).toLowerCase()} (${labels.value(judged.measure)(judged.value)}${labels.unit(judged.measure) === "" ? "" : " %"})`;
    const second = judged && labels.method(judged.method);
    const rest = share === undefined ? "" : second === first ? ` and ${share}` : `, ${second} ${share}`;
    return `After ${count(steps)} steps on ${labels.task(task)}, ${first} has ${loss}${rest}.`;
  },
  difference: ({ tests }, labels) => {
    const { candidate, baseline, steps, task } = tests[0];
    return `${labels.method(candidate)} against ${labels.method(baseline)}, ${count(steps)} steps on ${labels.task(task)}: ${tests.map((test) => differenceText(test, labels)).join("; ")}.`;
  },
  diverged: ({ runs }) => {
    const text = plural(runs, "run");
    return `${text.charAt(0).toUpperCase()}${text.slice(1)} diverged; means and intervals are over the others.`;
  },
  "not converged": ({ measure, count: own, of }) => {
    const [name, meaning] = NOT_CONVERGED[measure];
    return `${own} of ${of} ${name} had not converged: ${meaning}.`;
  },

  contest: ({ claim, candidate, baseline, steps, baselineSteps, places, met }, labels) => {
    const of = (holds: (place: ClaimPlace) => boolean) =>
      `${places.filter(holds).length} of ${plural(places.length, "task")}`;
    const opponent = `${labels.method(baseline)}${baselineSteps === undefined ? "" : ` after ${count(baselineSteps)}`}`;
    const ratio = (of: "twin" | "opponent") => {
      const value = meanRatio(places.map((place) => place[of]));
      const within = places.filter(
        (place) => (place[of]?.mean ?? 1) <= (of === "twin" ? HALF - 1 : 0),
      ).length;
      return value === undefined
        ? "nothing measured"
        : `${significant(value)} times in the mean, so on ${within} of ${places.length}`;
    };
    const { margin } = CLAIM_RULES[claim];
    const kept = margin === undefined ? "test accuracy not lower" : `no worse by ${100 * margin} points`;
    const found =
      claim === "flatter"
        ? `top eigenvalue against its twin ${ratio("twin")}; against AdamW ${ratio("opponent")}; ${kept} on ${of(({ quality }) => !(quality.high !== null && quality.high < 0))}`
        : `${kept} on ${of((place) => place.met)}, better on ${places.filter(({ better }) => better).length}`;
    const ordered = [...places].sort((a, b) => a.quality.mean - b.quality.mean);
    const [worst, best] = [ordered[0]!, ordered.at(-1)!].map(
      ({ task, quality }) => `${pointsText(quality)} on ${labels.task(task)}`,
    );
    return `${labels.method(candidate)} after ${count(steps)} steps against ${opponent}: ${found} (${places.length === 1 ? worst : `from ${worst} to ${best}`}); ${met ? "met" : "not met"}.`;
  },

  behind: ({ steps, tasks }, labels) =>
    `After ${count(steps)} steps it is clearly behind the best hand-designed optimizer on ${listed(tasks.map(labels.task))}.`,
  "worse later": ({ steps, tasks }, labels) =>
    `After ${count(steps)} steps its training loss is higher than before on ${listed(tasks.map(labels.task))}: stop it in time.`,
  "runs diverged": ({ steps, runs, of }) => `${runs} of ${of} runs of ${count(steps)} steps diverged.`,
};

/** A fact as a sentence. */
export function sentenceOf<F extends Fact>(fact: F, labels: Labels): string {
  const write = SENTENCES[fact.fact] as (fact: Fact, labels: Labels) => string;
  return write(fact, labels);
}

function pointsText({ mean }: Change): string {
  return `${signed(fixed(1))(100 * mean)} points`;
}

function differenceText(test: Comparison, labels: Labels): string {
  const { measure, radius, scale, meanDifference, low, high, pHolm } = test;
  const format = labels.difference(measure, scale);
  const difference = meanDifference ?? 0;
  const size = `${format(Math.abs(difference))}${labels.unit(measure)} ${difference < 0 ? "lower" : "higher"}`;
  const where = radius === undefined ? "" : ` at radius ${radius}`;
  const what = `${labels.measure(measure).toLowerCase()}${where} is ${size}`;
  if (pHolm === null || low === null) return `${what} (too few seeds for a test)`;
  const p = pValue(pHolm);
  const verdict = isDecided(test) ? "" : ", not significant";
  return `${what} (95\u00a0% interval ${signed(format)(low)} to ${signed(format)(high)}; corrected p\u00a0${p.startsWith("<") ? p : `=\u00a0${p}`}${verdict})`;
}
