import { buildCommand, type Command } from "@stricli/core";
import { convergenceOf } from "../analysis/findings.ts";
import { LowlandError } from "../errors.ts";
import { sentenceOf } from "../report/catalogue.ts";
import { splitSpecs } from "../spec.ts";
import type { CliContext } from "./context.ts";
import {
  clusterFlag,
  dataDirFlag,
  distinct,
  extendFlag,
  integer,
  jsonFlag,
  list,
  optional,
  positive,
  radii,
  seeds,
  threadsFlag,
  toggle,
} from "./flags.ts";
import { type GridFlags, measure, printTables, refuseAllDiverged } from "./measure.ts";
import {
  atLossTable,
  evaluationTable,
  landscapeTable,
  sharpnessTable,
  spectrumTable,
} from "./results-tables.ts";

/** Flags that `evaluate` and `sharpness` have in common. */
const gridFlags = {
  optimizer: {
    kind: "parsed",
    parse: distinct(splitSpecs, "optimizers"),
    brief:
      "Optimizers, comma-separated: adam:lr=0.01, with an explicit regularizer adam+sam:rho=0.05, learned:PATH, zoo:NAME",
    placeholder: "spec",
  },
  task: {
    kind: "parsed",
    parse: distinct(splitSpecs, "tasks"),
    brief: "Tasks, comma-separated",
    placeholder: "task",
  },
  seeds: {
    kind: "parsed",
    parse: seeds,
    default: "5",
    brief: "Number of seeds, or a list (3,7)",
    placeholder: "n",
  },
  out: optional(
    String,
    "Directory for results.json and report.html; an interrupted command goes on from it",
    "dir",
  ),
  force: toggle("Replace results that are there"),
  extend: extendFlag,
  threads: threadsFlag,
  cluster: clusterFlag,
  dataDir: dataDirFlag,
  json: jsonFlag,
} as const;

/** `--steps`, with a default of its own for each command. */
const stepsFlag = (fallback: string) =>
  ({
    kind: "parsed",
    parse: distinct(list(integer(0)), "numbers of steps"),
    default: fallback,
    brief: "Numbers of inner steps after which to measure, comma-separated",
    placeholder: "n",
  }) as const;

export const evaluate: Command<CliContext> = buildCommand({
  docs: {
    brief: "Train tasks with several optimizers over seeds: losses and metrics with intervals",
  },
  parameters: { flags: { ...gridFlags, steps: stepsFlag("100,1000") } },
  async func(this: CliContext, flags: GridFlags): Promise<void> {
    const results = await measure(this, flags, { kind: "evaluate", title: "Evaluation" });
    if (!flags.json) {
      printTables(this, results, ({ evaluations, metrics }, labels) => [
        evaluationTable(evaluations, metrics, labels),
      ]);
    }
    refuseAllDiverged(results, flags);
  },
});

interface SharpnessFlags extends GridFlags {
  readonly radii: number[];
  readonly examples: number;
  readonly trace: boolean;
  readonly eigenvalues?: number;
  readonly landscape?: "1d" | "2d";
  readonly atLoss?: number[];
  readonly atLossEvery: number;
}

/** Parses how many eigenvalues: 1 to 20. */
function eigenvalueCount(text: string): number {
  const value = integer(1)(text);
  if (value > 20) {
    throw new LowlandError(
      "E_USAGE",
      `must be an integer from 1 to 20, not ${JSON.stringify(text)}; correct it`,
    );
  }
  return value;
}

export const sharpness: Command<CliContext> = buildCommand({
  docs: {
    brief: "Measure sharpness at the points that optimizers reach",
    fullDescription:
      "Projected gradient ascent of loss and gradient norm in balls of several radii, surrogate gaps, top Hessian eigenvalue, on a fixed set of training examples.",
  },
  parameters: {
    flags: {
      ...gridFlags,
      steps: stepsFlag("1000"),
      radii: {
        kind: "parsed",
        parse: radii,
        default: "0.001,0.005,0.05,0.1",
        brief: "Radii of the balls",
        placeholder: "list",
      },
      examples: {
        kind: "parsed",
        parse: integer(1),
        default: "5000",
        brief: "Training examples to measure on",
        placeholder: "n",
      },
      trace: toggle("Also estimate the Hessian trace"),
      eigenvalues: optional(
        eigenvalueCount,
        "Also this many of the largest and of the smallest Hessian eigenvalues, at most 20",
        "k",
      ),
      landscape: {
        kind: "enum",
        values: ["1d", "2d"],
        optional: true,
        brief: "Also the loss along one or two filter-normalized directions; 2d for the first seed",
      },
      atLoss: optional(
        list(positive),
        "Also measure where the loss on those examples is first below each of these values",
        "list",
      ),
      atLossEvery: {
        kind: "parsed",
        parse: integer(1),
        default: "10",
        brief: "Steps from one look at that loss to the next",
        placeholder: "n",
      },
    },
  },
  async func(this: CliContext, flags: SharpnessFlags): Promise<void> {
    const { radii, examples, steps, trace, eigenvalues, landscape, atLoss, atLossEvery } = flags;
    const results = await measure(this, flags, {
      kind: "sharpness",
      title: "Sharpness",
      sharpness: {
        radii,
        examples,
        steps,
        ...(trace && { trace }),
        ...(eigenvalues !== undefined && { eigenvalues }),
        ...(landscape !== undefined && { landscape: landscape === "1d" ? 1 : 2 }),
        ...(atLoss !== undefined && { atLoss: { losses: [...new Set(atLoss)], every: atLossEvery } }),
      },
    });
    if (!flags.json) {
      printTables(this, results, ({ evaluations, metrics, sharpness, sharpnessAtLoss = [] }, labels) => [
        evaluationTable(evaluations, metrics, labels),
        sharpnessTable(sharpness, labels),
        sharpnessAtLoss.length > 0 ? atLossTable(sharpnessAtLoss, labels) : undefined,
        spectrumTable(sharpness, sharpnessAtLoss, labels),
        landscapeTable(sharpness, labels),
        ...convergenceOf([...sharpness, ...sharpnessAtLoss]).map((note) => sentenceOf(note, labels)),
      ]);
    }
    refuseAllDiverged(results, flags);
  },
});
