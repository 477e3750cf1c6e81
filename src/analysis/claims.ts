import { groupBy, mean, unique } from "../evaluation/group.ts";
import { isHandDesigned, isHome, isPlain, isSameMethod, methodKey } from "../evaluation/method-id.ts";
import type { Comparison, MethodId, Results } from "../evaluation/results.ts";
import { modelNameOf } from "../tasks/names.ts";

/** What the transfer experiment asks of learned optimizers. */
export type ClaimId = "competitive" | "published" | "equal-gradients" | "flatter";

/** How a claim stands: it holds if one learned optimizer or more meets its rule. */
export type Standing = "holds" | "does not hold" | "not tested";

/** One task in a claim: by how much the candidate differs, with a 95 % interval. */
export interface ClaimPlace {
  readonly task: string;
  /** In accuracy: a difference of shares. */
  readonly quality: Change;
  /** Top eigenvalue at equal training loss, as a multiple of the plain twin's and of the opponent's less one. */
  readonly twin?: Change;
  readonly opponent?: Change;
  readonly met: boolean;
  /** The interval of the difference in accuracy lies above 0. */
  readonly better: boolean;
}

/** A mean with its interval; without one where there are too few seeds. */
export interface Change {
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** One learned optimizer against one opponent after so many steps. */
export interface Contest {
  readonly fact: "contest";
  readonly claim: ClaimId;
  readonly candidate: MethodId;
  readonly baseline: MethodId;
  readonly steps: number;
  /** Where it ran for fewer: as many gradients. */
  readonly baselineSteps?: number;
  readonly places: readonly ClaimPlace[];
  readonly met: boolean;
}

/** An answer with what it rests on. */
export interface Claim {
  readonly id: ClaimId;
  readonly standing: Standing;
  readonly contests: readonly Contest[];
}

/** What is asked of a contest: on how large a share of the tasks the candidate must do what. */
interface Rule {
  /** Accuracy lost at most; without it the interval may not lie below 0. */
  readonly margin?: number;
  readonly met: number;
  readonly better?: number;
}

/** Top eigenvalue against the plain twin's. */
export const HALF = 0.5;

/** Seven, six and three of the paper's nine tasks, as shares of the tasks that there are. */
export const CLAIM_RULES: Readonly<Record<ClaimId, Rule>> = {
  competitive: { margin: 0.01, met: 7 / 9 },
  published: { met: 1 },
  "equal-gradients": { margin: 0.005, met: 6 / 9, better: 3 / 9 },
  flatter: { met: 1 },
};

/** The claims of the transfer experiment with what its results say to each; home tasks of a learned optimizer do not count. */
export function claimsOf(results: Results): Claim[] {
  const contests = [...groupBy(qualityTests(results), contestKey).values()].flatMap((tests) =>
    contestOf(tests, results),
  );
  return (Object.keys(CLAIM_RULES) as ClaimId[]).map((id) => {
    const own = contests.filter(({ claim }) => claim === id);
    const byCandidate = [
      ...groupBy(own, ({ candidate, baseline }) => methodKey(candidate) + methodKey(baseline)).values(),
    ];
    const long = longLengths(own);
    const holds = byCandidate.some((rows) => {
      const counted = rows.filter(({ steps }) => long.includes(steps));
      return counted.length > 0 && counted.every(({ met }) => met);
    });
    return {
      id,
      standing: own.length === 0 ? "not tested" : holds ? "holds" : "does not hold",
      contests: own,
    };
  });
}

/** From 1,000 steps on; the longest where none is so long. */
export const LONG = 1000;
function longLengths(contests: readonly Contest[]): number[] {
  const lengths = unique(contests.map(({ steps }) => steps));
  const long = lengths.filter((steps) => steps >= LONG);
  return long.length > 0 ? long : [Math.max(...lengths)];
}

/** Tests of a share that is better if higher, on tasks that the candidate never saw. */
function qualityTests({ comparisons, metrics }: Results): Comparison[] {
  const shares = metrics.filter(({ better, format }) => better === "higher" && format === "percent");
  return comparisons.filter(
    ({ measure, below, candidate, task, meanDifference }) =>
      below === undefined &&
      meanDifference !== null &&
      candidate.source !== undefined &&
      !isHome(candidate, task) &&
      shares.some(({ name }) => name === measure),
  );
}

const contestKey = ({ candidate, baseline, steps, baselineSteps = steps }: Comparison): string =>
  JSON.stringify([methodKey(candidate), methodKey(baseline), steps, baselineSteps]);

function contestOf(tests: readonly Comparison[], results: Results): Contest[] {
  const { candidate, baseline, steps, baselineSteps } = tests[0]!;
  const claim = claimOf(tests[0]!);
  if (claim === undefined) return [];
  const counted = claim === "flatter" ? tests.filter(({ task }) => isCurved(task)) : tests;
  const places = counted.map((test) => placeOf(test, claim, results));
  if (places.length === 0) return [];
  const rule = CLAIM_RULES[claim];
  const enough = (share: number, count: number) => count >= Math.ceil(share * places.length - 1e-9);
  const met =
    enough(rule.met, places.filter((place) => place.met).length) &&
    enough(rule.better ?? 0, places.filter((place) => place.better).length);
  return [
    {
      fact: "contest",
      claim,
      candidate,
      baseline,
      steps,
      ...(baselineSteps !== undefined && { baselineSteps }),
      places,
      met,
    },
  ];
}

/** Which claim a test is of, by what it compares. */
function claimOf({ candidate, baseline, baselineSteps }: Comparison): ClaimId | undefined {
  if (isHandDesigned(baseline)) {
    if (isPlain(baseline)) return "competitive";
    return baselineSteps === undefined || isPlain(candidate) ? undefined : "equal-gradients";
  }
  if (baseline.source?.length === 0) return "published";
  return isPlain(candidate) ? undefined : "flatter";
}

/** Whether a task's network has kinks or convolutions: on sigmoid units the ground is flat for every optimizer. */
function isCurved(task: string): boolean {
  return modelNameOf(task) !== "mlp";
}

function placeOf(test: Comparison, claim: ClaimId, results: Results): ClaimPlace {
  const { task, meanDifference, low, high } = test;
  const quality = { mean: meanDifference!, low, high };
  const better = low !== null && low > 0;
  const { margin } = CLAIM_RULES[claim];
  const kept = margin === undefined ? !(high !== null && high < 0) : quality.mean >= -margin;
  if (claim !== "flatter") return { task, quality, met: kept, better };
  const opponent = results.comparisons.find(
    ({ candidate, baseline }) =>
      isSameMethod(candidate, test.candidate) && isHandDesigned(baseline) && isPlain(baseline),
  )?.baseline;
  const twin = eigenvalueChange(test, test.baseline, results);
  const hand = opponent && eigenvalueChange(test, opponent, results);
  const flat = twin !== undefined && twin.mean <= HALF - 1 && hand !== undefined && hand.mean <= 0;
  return { task, quality, ...(twin && { twin }), ...(hand && { opponent: hand }), met: kept && flat, better };
}

/** How the top eigenvalue changes against an opponent at the lowest equal training loss that both reached. */
function eigenvalueChange(
  { candidate, task, steps }: Comparison,
  baseline: MethodId,
  { comparisons }: Results,
): Change | undefined {
  const [deepest] = comparisons
    .filter(
      (test) =>
        test.measure === "topEigenvalue" &&
        test.below !== undefined &&
        test.scale === "share" &&
        test.meanDifference !== null &&
        test.task === task &&
        test.steps === steps &&
        isSameMethod(test.candidate, candidate) &&
        isSameMethod(test.baseline, baseline),
    )
    .sort((a, b) => a.below! - b.below!);
  return deepest && { mean: deepest.meanDifference!, low: deepest.low, high: deepest.high };
}

/** The geometric mean over tasks of candidate over opponent. */
export function meanRatio(changes: readonly (Change | undefined)[]): number | undefined {
  const logs = changes.flatMap((change) => (change === undefined ? [] : Math.log(1 + change.mean)));
  return logs.length === 0 ? undefined : Math.exp(mean(logs));
}
