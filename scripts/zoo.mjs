// Puts the best checkpoint of a meta-training run into the zoo, with its card:
//   node scripts/zoo.mjs RUN_DIR NAME [--results results.json] … [--optimizer NAME_IN_RESULTS] [--out zoo]
// Figures come from the records of every results.json whose optimizer or spec is NAME_IN_RESULTS (default zoo:NAME).
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import {
  buildSchedule,
  decodeWeights,
  encodeWeights,
  findCheckpoint,
  parseResults,
  progressOf,
  resolveMetaConfig,
} from "../dist/index.js";
import { withDataLabels } from "../dist/report/datasets.js";
import { makeDirectory, writeFileAtomic } from "../dist/runs/files.js";
import { readRun } from "../dist/runs/run-directory.js";
import { interval, table } from "./markdown.mjs";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    results: { type: "string", multiple: true, default: [] },
    optimizer: { type: "string" },
    out: { type: "string", default: "zoo" },
  },
});
const [directory, name] = positionals;
if (name === undefined || positionals.length > 2 || !/^[a-z0-9-]+$/.test(name)) {
  throw new Error(
    "usage: node scripts/zoo.mjs RUN_DIR NAME [--results FILE]; a NAME is made of a-z, 0-9 and -",
  );
}

const { meta } = readRun(directory);
const source = findCheckpoint(directory);
const bytes = readFileSync(source);
const { config: made } = readRun(directory);
const config = resolveMetaConfig(made, directory);
const state = progressOf(bytes, source);
const { learned, metaParams, metadata } = decodeWeights(bytes, source);
const all = values.results.map((path) => ({
  path,
  results: withDataLabels(parseResults(readFileSync(path, "utf8"), path)),
}));

makeDirectory(values.out);
writeFileAtomic(
  join(values.out, `${name}.safetensors`),
  encodeWeights(metadata.learned, learned.layout, metaParams, {
    config: JSON.stringify(config),
    outerStep: String(state.outerStep),
  }),
);
writeFileAtomic(join(values.out, `${name}.md`), card());

function card() {
  const { tasks, regularizer, estimator, outerSteps } = config;
  const horizon = buildSchedule(config.schedule).longest;
  const on = tasks.join(", ");
  const records = {
    evaluations: all.flatMap(({ results }) => results.evaluations),
    sharpness: all.flatMap(({ results }) => results.sharpness),
  };
  const own = all.length > 0 ? figures(records) : { table: [], limits: [] };
  const evaluate = `lowland evaluate --task ${tasks.join(",")} --optimizer zoo:${name},adam:lr=0.01 --steps ${horizon},${10 * horizon}`;
  return [
    `# ${name}`,
    `A learned optimizer (\`${metadata.learned}\`), meta-trained on ${on} with ${
      regularizer === "none" ? "no regularizer" : `the regularizer \`${regularizer}\``
    } in its meta-loss. It sees one plain gradient a step.`,
    `\`\`\`sh\n${evaluate}\n\`\`\``,
    "## How it was trained",
    `${outerSteps} outer steps of ${estimator} over inner trainings of ${config.schedule} steps; these weights are those of outer step ${
      state.outerStep
    }, the best on meta-validation (loss ${state.bestLoss?.toFixed(4) ?? "not measured"} at inner step ${horizon}). Up to there it took ${
      state.gradientEvaluations
    } optimizee gradients${
      config.init === undefined ? "" : ", those of the run it started from (`init` below) not counted"
    }. Lowland ${meta.lowland}, ${meta.variant} kernels, ${meta.platform}, seed ${meta.seed}.`,
    `\`\`\`sh\n${command()}\n\`\`\``,
    `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``,
    "## Figures",
    ...(own.table.length > 0
      ? [
          "Mean over unseen seeds and 95 % interval; beside it the hand-designed optimizer of the best mean test accuracy measured at the same place.",
          own.table.join("\n"),
          all
            .map(
              (one) =>
                `${origin(one)} (Lowland ${one.results.version}, ${one.results.kernelVariant} kernels).`,
            )
            .join(" "),
        ]
      : [`None recorded yet; the command above measures some.`]),
    "## Limits",
    [
      `- Meta-trained on ${on} and runs of ${horizon} steps; other tasks and longer runs are extrapolation, so measure before you rely on it.`,
      "- It has no learning rate to turn down: its steps do not shrink by a schedule.",
      ...own.limits.map((limit) => `- ${limit}`),
    ].join("\n"),
    "",
  ].join("\n\n");
}

/** What made the figures: a command, or an experiment that a directory of its own tells of. */
function origin({ path, results }) {
  return results.kind === "reproduce-paper"
    ? `From the paper's experiment, \`${dirname(path)}\``
    : `Made by \`${results.command}\``;
}

/** The command that makes the run again, in a directory of the reader's own. */
function command() {
  const words = [];
  for (let i = 0; i < meta.command.length; i++) {
    const word = meta.command[i];
    if (word === "--out") words.push(word, `runs/${name}`);
    if (word === "--out" || word === "--data-dir") i++;
    else if (word !== "--force" && word !== "--resume") words.push(word);
  }
  return ["lowland", ...words]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

/** A row for each task and number of steps, and what of it is clear beyond the intervals and worth a warning. */
function figures({ evaluations, sharpness }) {
  const wanted = values.optimizer ?? `zoo:${name}`;
  const mine = evaluations.filter(({ optimizer, spec }) => optimizer === wanted || spec === wanted);
  if (mine.length === 0) {
    const known = [...new Set(evaluations.map(({ optimizer }) => optimizer))].join(", ");
    throw new Error(
      `${values.results.join(", ")} has no records of "${wanted}"; give --optimizer, one of ${known}`,
    );
  }
  const header = [
    "task",
    "steps",
    "seeds",
    "train loss",
    "test accuracy, %",
    "λ_max",
    "hand-designed of the highest test accuracy, %",
  ];
  const limits = [];
  const rows = mine.map(({ task, optimizer, steps, summary }) => {
    const at = (record) => record.task === task && record.steps === steps;
    const flat = sharpness.find((record) => at(record) && record.optimizer === optimizer)?.summary;
    const [best] = evaluations
      .filter((record) => at(record) && record.group === "hand-designed" && accuracy(record) !== null)
      .sort((a, b) => accuracy(b) - accuracy(a));
    if (best && isBelow(summary.testAccuracy, best.summary.testAccuracy)) {
      limits.push(`At ${steps} steps on ${task} it stays clearly below ${best.optimizer} in test accuracy.`);
    }
    const earlier = mine.find(
      (record) =>
        record.task === task && record.steps < steps && isBelow(record.summary.trainLoss, summary.trainLoss),
    );
    if (earlier) {
      limits.push(
        `On ${task} its training loss is higher after ${steps} steps than after ${earlier.steps}: stop it in time.`,
      );
    }
    if (summary.diverged > 0) {
      limits.push(`${summary.diverged} of ${summary.seeds} runs of ${steps} steps on ${task} diverged.`);
    }
    return [
      task,
      steps,
      summary.seeds,
      interval(summary.trainLoss, 3),
      interval(summary.testAccuracy, 2, 100),
      interval(flat?.topEigenvalue, 2),
      best ? `${best.optimizer}: ${interval(best.summary.testAccuracy, 2, 100)}` : "—",
    ];
  });
  return { table: table(header, rows), limits };
}

/** Whether the intervals lie apart; without intervals nothing does. */
function isBelow(one, other) {
  return one?.high != null && other?.low != null && one.high < other.low;
}

function accuracy({ summary }) {
  return summary.testAccuracy?.mean ?? null;
}
