import { type Application, buildApplication, buildRouteMap, help, version } from "@stricli/core";
import { LOWLAND_VERSION } from "../version.ts";
import type { CliContext } from "./context.ts";
import { data } from "./data.ts";
import { exitCodeOfError, text } from "./errors.ts";
import { evaluate, sharpness } from "./evaluate.ts";
import { exportOptimizer } from "./export.ts";
import { importWeights } from "./import.ts";
import { info } from "./info.ts";
import { optimizers, regularizers, tasks } from "./list.ts";
import { metaTrain } from "./meta-train.ts";
import { report } from "./report.ts";
import { reproduce } from "./reproduce.ts";
import { serve } from "./serve.ts";
import { train } from "./train.ts";
import { worker } from "./worker.ts";
import { zoo } from "./zoo.ts";

/**
 * The command line. To add a command: one file that exports a `buildCommand` of stricli (parameters and text
 * static, everything heavy loaded inside `func` by `await import`, so that `--help` stays instant), and its name here.
 */
const routes = {
  data,
  train,
  metaTrain,
  evaluate,
  sharpness,
  reproduce,
  report,
  serve,
  worker,
  tasks,
  optimizers,
  regularizers,
  zoo,
  export: exportOptimizer,
  import: importWeights,
  info,
} as const;

const formatting = {
  useAliasInUsageLine: false,
  onlyRequiredInUsageLine: true,
  caseStyle: "convert-camel-to-kebab",
} as const;

export const app: Application<CliContext> = buildApplication<CliContext>(
  buildRouteMap({
    routes,
    docs: { brief: "Meta-trains optimizers that find low, flat ground" },
  }),
  {
    name: "lowland",
    scanner: {
      caseStyle: "allow-kebab-for-camel",
      distanceOptions: {
        threshold: 3,
        weights: { insertion: 1, deletion: 1, substitution: 1, transposition: 1 },
      },
    },
    documentation: { ...formatting, disableAnsiColor: true },
    localization: { text },
    determineExitCode: exitCodeOfError,
  },
  {
    help: help({ brief: "Print help and exit", formatting, defaultForRouteMap: true }),
    version: version({ brief: "Print the version and exit", info: { currentVersion: LOWLAND_VERSION } }),
  },
);
