// Puts the best checkpoint of a meta-training run into the zoo, with its card:
//   node scripts/zoo.mjs RUN_DIR NAME [--results results.json] … [--optimizer NAME_IN_RESULTS] [--out zoo]
// or makes the figures and limits of a card anew:
//   node scripts/zoo.mjs NAME --results results.json … [--optimizer NAME_IN_RESULTS] [--out zoo]
// Figures come from the records of every results.json whose optimizer or spec is NAME_IN_RESULTS (default zoo:NAME).
import { readFileSync } from "node:fs";
import { join } from "node:path";
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
import { cardSections } from "../dist/report/card.js";
import { makeDirectory, writeFileAtomic } from "../dist/runs/files.js";
import { readRun } from "../dist/runs/run.js";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    results: { type: "string", multiple: true, default: [] },
    optimizer: { type: "string" },
    out: { type: "string", default: "zoo" },
  },
});
const name = positionals.at(-1);
if (name === undefined || positionals.length > 2 || !/^[a-z0-9-]+$/.test(name)) {
  throw new Error(
    "usage: node scripts/zoo.mjs [RUN_DIR] NAME [--results FILE]; a NAME is made of a-z, 0-9 and -",
  );
}
const sources = values.results.map((path) => ({
  path,
  results: parseResults(readFileSync(path, "utf8"), path),
}));
const [weightsFile, cardFile] = ["safetensors", "md"].map((end) => join(values.out, `${name}.${end}`));
if (positionals.length === 2) addRun(positionals[0]);
else refresh();

/** Weights and card of the best checkpoint of a run. */
function addRun(directory) {
  const run = readRun(directory);
  const source = findCheckpoint(directory);
  const bytes = readFileSync(source);
  const config = resolveMetaConfig(run.config, directory);
  const state = progressOf(bytes, source);
  const { learned, metaParams, metadata } = decodeWeights(bytes, source);
  makeDirectory(values.out);
  writeFileAtomic(
    weightsFile,
    encodeWeights(metadata.learned, learned.layout, metaParams, {
      config: JSON.stringify(config),
      outerStep: String(state.outerStep),
    }),
  );
  writeFileAtomic(cardFile, card({ config, state, learned, metadata, meta: run.meta }));
}

/** The card that is there, with figures and limits from other results. */
function refresh() {
  const { learned, metadata } = decodeWeights(readFileSync(weightsFile), weightsFile);
  const [told] = readFileSync(cardFile, "utf8").split("## Figures");
  const config = resolveMetaConfig(JSON.parse(metadata.config), weightsFile);
  writeFileAtomic(cardFile, `${told}${measuredSections(config, learned)}\n`);
}

function measuredSections(config, { settings }) {
  const { tasks, schedule } = config;
  const steps = buildSchedule(schedule).longest;
  return cardSections(sources, values.optimizer ?? `zoo:${name}`, {
    tasks,
    steps,
    learningRate: "lr" in settings,
  });
}

function card({ config, state, learned, metadata, meta }) {
  const { tasks, regularizer, estimator, outerSteps } = config;
  const horizon = buildSchedule(config.schedule).longest;
  const on = tasks.join(", ");
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
    `\`\`\`sh\n${command(meta)}\n\`\`\``,
    `\`\`\`json\n${JSON.stringify(config, null, 2)}\n\`\`\``,
    `${measuredSections(config, learned)}\n`,
  ].join("\n\n");
}

/** The command that makes the run again, in a directory of the reader's own. */
function command(meta) {
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
