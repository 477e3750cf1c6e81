import type { Comparison, MethodId } from "../evaluation/results.ts";
import type { Contest } from "./claims.ts";
import type { Tally } from "./decisions.ts";

/** One thing that results say. Sentences are made of it elsewhere; here it has numbers and identities only. */
export type Fact = VerdictFact | LimitFact | Finding | CardFact | Contest;

/** What the outcome of a claim rests on. */
export type VerdictFact =
  | { readonly fact: "nothing tested"; readonly claim: "flatter" | "transfers" | "explicit" }
  | {
      readonly fact: "own quantity";
      readonly regularizer: string;
      readonly measure: string | undefined;
      readonly tally: Tally;
    }
  /** Of the decided tests after equal steps, those where the training loss differs significantly too. */
  | { readonly fact: "unequally trained"; readonly count: number; readonly of: number }
  | { readonly fact: "training loss"; readonly tally: Tally }
  /** `untested`: too few runs got there. */
  | { readonly fact: "equal loss"; readonly tally: Tally; readonly untested: number }
  | { readonly fact: "equal loss not compared" }
  | { readonly fact: "quality"; readonly measures: readonly string[]; readonly tally: Tally }
  | { readonly fact: "control"; readonly tally: Tally }
  | { readonly fact: "elsewhere"; readonly tasks: Range; readonly tally: Tally }
  | {
      readonly fact: "by radius";
      readonly tallies: readonly { readonly radius: number; readonly tally: Tally }[];
    }
  | { readonly fact: "gradients a step"; readonly learned: Range; readonly explicit: Range }
  | { readonly fact: "two forms"; readonly label: string }
  /** Against explicit regularization: `close` are significantly lower, and within the margin all the same. */
  | { readonly fact: "no worse"; readonly tally: Tally; readonly close: number; readonly margin: number }
  /** Time of a learned step over one with an explicit regularizer, by task. */
  | { readonly fact: "time"; readonly ratio: Range; readonly tasks: number }
  | { readonly fact: "meta-training"; readonly gradients: number; readonly runs: number };

/** What has to be known before anything is concluded. */
export type LimitFact =
  | { readonly fact: "single runs"; readonly sources: readonly (readonly string[])[] }
  | {
      readonly fact: "recipes differ";
      /** Among runs that are compared, or only among those that repeat one another. */
      readonly among: "compared" | "repeated";
      readonly source: readonly string[];
      readonly runs: number;
      readonly settings: readonly {
        readonly name: string;
        readonly values: readonly (readonly [value: string, runs: number])[];
      }[];
    }
  | {
      readonly fact: "still improving";
      readonly runs: number;
      readonly of: number;
      readonly most: MethodId;
      /** Share by which its lowest loss fell in the last fifth. */
      readonly fall: number;
      readonly threshold: number;
    }
  | { readonly fact: "power"; readonly tests: number; readonly pairs: number; readonly effect: number }
  | {
      readonly fact: "equal loss is early";
      /** Median share of its steps in which an optimizer gets there. */
      readonly share: number;
      readonly fewer?: {
        readonly tests: number;
        readonly of: number;
        readonly most: number;
        readonly least: number;
      };
    }
  | {
      readonly fact: "tuning";
      readonly seeds: readonly number[];
      readonly atEdge: number;
      readonly choices: number;
      readonly smallestRadius?: { readonly choices: number; readonly of: number };
    };

/** One thing that came out; `decided` if a test stands behind it. */
export type Finding =
  | {
      readonly fact: "leader";
      readonly task: string;
      readonly steps: number;
      readonly trained: { readonly method: MethodId; readonly loss: number };
      readonly judged?: { readonly method: MethodId; readonly measure: string; readonly value: number };
    }
  | { readonly fact: "difference"; readonly tests: readonly [Comparison, ...Comparison[]] }
  | { readonly fact: "diverged"; readonly runs: number }
  | {
      readonly fact: "not converged";
      readonly measure: "topEigenvalue" | "trace" | "eigenvalues";
      readonly count: number;
      readonly of: number;
    };

/** What is worth a warning on the card of a learned optimizer. */
export type CardFact =
  /** Its interval lies on the worse side of that of the best hand-designed one. */
  | { readonly fact: "behind"; readonly steps: number; readonly tasks: readonly string[] }
  /** Its training loss is clearly higher than after fewer steps. */
  | { readonly fact: "worse later"; readonly steps: number; readonly tasks: readonly string[] }
  | { readonly fact: "runs diverged"; readonly steps: number; readonly runs: number; readonly of: number };

export type Range = readonly [low: number, high: number];

/** The range of some values; undefined of none. */
export function rangeOf(values: readonly number[]): Range | undefined {
  return values.length === 0 ? undefined : [Math.min(...values), Math.max(...values)];
}
