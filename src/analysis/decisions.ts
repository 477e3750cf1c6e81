import { quantile } from "../evaluation/group.ts";
import { groupOf, isSameMethod, plainOf } from "../evaluation/method-id.ts";
import type { Comparison, Measured, TransferCell } from "../evaluation/results.ts";
import { holm, studentQuantile, studentTail } from "./statistics.ts";

/** How far a claim holds in the results at hand. */
export type Outcome =
  | "reproduced"
  | "partly reproduced"
  | "mixed"
  | "not reproduced"
  | "undecided"
  | "not tested";

export type Direction = "lower" | "higher";

/** What tests of one claim came to. */
export interface Tally {
  /** Decided in the claimed direction. */
  readonly support: number;
  /** Decided in the other direction. */
  readonly against: number;
  readonly undecided: number;
  /** Of `support` and `against`, how many rest on one meta-training run a side. */
  readonly ofOneRun?: number;
  /** Of `support` and `against` after equal steps, how many are where the training loss differs significantly too. */
  readonly unequallyTrained?: number;
  /** Median and quartiles of the changes over all tests, decided or not: shares, or differences in the measure's unit. */
  readonly effect?: {
    readonly of: "share" | "difference";
    readonly low: number;
    readonly median: number;
    readonly high: number;
  };
}

/** A difference is decided below this p after Holm's correction over all tests of the results. */
export const SIGNIFICANT = 0.05;

export function testsIn({ support, against, undecided }: Tally): number {
  return support + against + undecided;
}

/** Whether a difference counts: its corrected p is below 0.05 and every repetition has its direction. */
export function isDecided({ p, pHolm, repetitions, agreeing }: Comparison): boolean {
  if (p === null || pHolm === null || pHolm >= SIGNIFICANT) return false;
  return repetitions === undefined || agreeing === repetitions;
}

/** Whether a test says that this learned optimizer differs from that one, not that meta-training again would do the same. */
function isOfOneRun({ candidate, repetitions }: Comparison): boolean {
  return candidate.source !== undefined && repetitions === undefined;
}

/** Whether the change that a cell of the transfer matrix shows counts, by the test of it after equal steps. */
export function isDecidedCell(cell: TransferCell, tests: readonly Comparison[]): boolean {
  const test = tests.find(
    (other) =>
      isSameMethod(groupOf(other.candidate), cell.method) &&
      isSameMethod(groupOf(other.baseline), plainOf(cell.method)) &&
      other.task === cell.task &&
      other.steps === cell.steps &&
      other.measure === cell.measure &&
      other.radius === cell.radius &&
      other.below === undefined,
  );
  return test !== undefined && isDecided(test);
}

/** Counts comparisons for and against a claim; one that could not be tested is left out. */
export function tallyOf(
  comparisons: readonly Comparison[],
  direction: Direction | ((test: Comparison) => Direction),
): Tally {
  const tested = comparisons.filter(({ pHolm, p }) => pHolm !== null && p !== null);
  const decided = tested.filter(isDecided);
  const support = decided.filter((test) => {
    const wanted = typeof direction === "string" ? direction : direction(test);
    return Math.sign(test.meanDifference ?? 0) === (wanted === "lower" ? -1 : 1);
  }).length;
  return {
    support,
    against: decided.length - support,
    undecided: tested.length - decided.length,
    ...withDetails(tested, decided),
  };
}

/** How many decided tests rest on one run, and how large the changes are. */
function withDetails(
  tested: readonly Comparison[],
  decided: readonly Comparison[],
): Pick<Tally, "ofOneRun" | "effect"> {
  const ofOneRun = decided.filter(isOfOneRun).length;
  const shares = tested.filter(({ scale }) => scale === "share");
  const used = shares.length > 0 ? shares : tested;
  const changes = used.flatMap(({ meanDifference }) => meanDifference ?? []);
  const at = (share: number) => quantile(changes, share);
  return {
    ...(ofOneRun > 0 && { ofOneRun }),
    ...(changes.length > 0 && {
      effect: {
        of: shares.length > 0 ? "share" : "difference",
        low: at(0.25),
        median: at(0.5),
        high: at(0.75),
      },
    }),
  };
}

/**
 * The outcome of a claim, all parts of which must hold; a part that was not tested does not count.
 *
 * Holm's correction keeps the chance of a single false decision among all tests below 5 %, so that one test for a claim
 * shows that it holds somewhere, and one against it that it fails somewhere. Reproduced: in every part more than half of
 * the tests are for it and none against. Partly: some are for it, none against. Not: some are against and none for it, or
 * more than half of a part are against. Mixed: else, some for and some against. Undecided: neither. A majority of the
 * decided tests is no outcome: 17 for and 13 against are two findings.
 */
export function outcomeOf(parts: readonly Tally[]): Outcome {
  const tested = parts.filter((part) => testsIn(part) > 0);
  if (tested.length === 0) return "not tested";
  const supported = tested.some(({ support }) => support > 0);
  const contradicted = tested.some(({ against }) => against > 0);
  const refuted = tested.some((part) => part.against > testsIn(part) / 2);
  if (refuted || (contradicted && !supported)) return "not reproduced";
  if (contradicted) return "mixed";
  if (!supported) return "undecided";
  return tested.every((part) => part.support > testsIn(part) / 2) ? "reproduced" : "partly reproduced";
}

/**
 * One-sided p of candidate ≤ baseline − margin, from the numbers of the paired t-test; null where those have no interval.
 * Small: the candidate is no worse by more than the margin.
 */
export function noWorseP({ meanDifference, low, high, pairs }: Comparison, margin: number): Measured {
  if (meanDifference === null || low === null || high === null || high <= low) return null;
  const standardError = (high - low) / (2 * studentQuantile(0.975, pairs - 1));
  const t = (meanDifference + margin) / standardError;
  const tail = studentTail(t, pairs - 1) / 2;
  return t > 0 ? tail : 1 - tail;
}

/**
 * Against losing more than a margin: for are tests that are no worse by it, against those decided to be lower that are not.
 * Holm's correction runs over these one-sided tests together with all tests of the results.
 */
export function noWorseTally(
  tests: readonly Comparison[],
  all: readonly Comparison[],
  margin: number,
): { readonly tally: Tally; readonly close: number } {
  const corrected = holm([...all.map(({ p }) => p), ...tests.map((test) => noWorseP(test, margin))]);
  const rated = tests.flatMap((test, i) => {
    if (test.p === null || test.pHolm === null) return [];
    const noWorse = (corrected[all.length + i] ?? 1) < SIGNIFICANT;
    return [{ test, noWorse, lower: isDecided(test) && (test.meanDifference ?? 0) < 0 }];
  });
  const support = rated.filter(({ noWorse }) => noWorse);
  const against = rated.filter(({ noWorse, lower }) => lower && !noWorse);
  const decided = [...support, ...against].map(({ test }) => test);
  const tally = {
    support: support.length,
    against: against.length,
    undecided: rated.length - decided.length,
    ...withDetails(
      rated.map(({ test }) => test),
      decided,
    ),
  };
  return { tally, close: support.filter(({ lower }) => lower).length };
}
