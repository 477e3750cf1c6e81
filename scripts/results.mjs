// Makes the pages of docs/results anew, and between <!-- results --> and <!-- /results --> the tables of its README files:
//   node scripts/results.mjs
import { readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { unique } from "../dist/evaluation/group.js";
import { bySource } from "../dist/evaluation/method-id.js";
import { labelsOf, limitsOf, renderReport, sentenceOf, verdictsOf } from "../dist/index.js";
import { OUTCOMES, SIGNIFICANCE } from "../dist/report/catalogue.js";
import { dataNotes } from "../dist/report/datasets.js";
import {
  answersTable,
  changesTable,
  evaluationsTable,
  handDesignedText,
  sourcesText,
} from "../dist/report/digest.js";
import { readResults, replaceBlock } from "./readme.mjs";

const ROOT = "docs/results";
const paper = [join(ROOT, "paper"), join(ROOT, "paper", "steps-1000")];

const files = readdirSync(ROOT, { recursive: true }).filter((file) => file.endsWith("results.json"));
for (const file of files) {
  const directory = dirname(join(ROOT, file));
  writeFileSync(join(directory, "report.html"), renderReport(readResults(join(ROOT, file))));
}
replaceBlock(join(ROOT, "paper", "README.md"), "results", paperText());
for (const name of ["cnn", "mnist-mlp"])
  replaceBlock(join(ROOT, name, "README.md"), "results", tablesIn(name));

/** Answers, accuracies and eigenvalues of the paper's experiment, and what limits them. */
function paperText() {
  const all = paper.map((directory) => ({
    directory,
    results: readResults(join(directory, "results.json")),
  }));
  const [{ results: first }] = all;
  const parts = all.flatMap(({ directory, results }) => {
    const place = relative(join(ROOT, "paper"), join(directory, "report.html"));
    const steps = unique(results.transfer.map((cell) => cell.steps));
    const sources = bySource(results.transfer).map(({ source }) => source);
    const tables = steps.flatMap((count) =>
      sources.flatMap((source) =>
        [
          ["accuracy", "test accuracy in percent, and the change in points"],
          ["topEigenvalue", "top Hessian eigenvalue, and the change in percent"],
        ].flatMap(([measure, what]) => [
          `Meta-trained on \`${source.join(", ")}\`, ${what}:`,
          changesTable(results, { source, steps: count, measure }),
        ]),
      ),
    );
    return [
      `## After ${steps.join(" and ")} steps`,
      `[The page](${place}) has every test. Best hand-designed is what tuning on meta-validation chose, of ${handDesignedText(results)}.`,
      ...tables,
    ];
  });
  return [
    `Made by \`node scripts/results.mjs\` from the results.json files here (Lowland ${first.version}, ${first.kernelVariant} kernels).`,
    `Learned optimizers are from ${sourcesText(first)}. ${SIGNIFICANCE}. Intervals are of 95 % and not corrected; **bold** is significant.`,
    answersTable(all.map(({ results }) => results)),
    outcomesText(all.map(({ results }) => results)),
    ...dataNotes(first),
    ...parts,
    "## What limits it",
    limitsOf(first)
      .map((limit) => `- ${sentenceOf(limit, labelsOf(first))}`)
      .join("\n"),
  ].join("\n\n");
}

/** When a claim is called what, of the outcomes that there are. */
function outcomesText(all) {
  const found = all.flatMap(verdictsOf).map(({ outcome }) => outcome);
  return Object.entries(OUTCOMES)
    .filter(([outcome]) => found.includes(outcome))
    .map(([outcome, rule]) => `- ${outcome}: ${rule}.`)
    .join("\n");
}

/** A table for each results file under a folder, and the command that made it. */
function tablesIn(name) {
  return files
    .filter((file) => file.startsWith(`${name}/`))
    .sort()
    .flatMap((file) => {
      const results = readResults(join(ROOT, file));
      return [
        `[${relative(name, dirname(file))}](${relative(name, dirname(file))}/report.html):`,
        evaluationsTable(results),
        `Mean and 95 % interval, by Lowland ${results.version}, ${results.kernelVariant} kernels:`,
        `\`\`\`sh\n${results.command}\n\`\`\``,
        ...dataNotes(results),
      ];
    })
    .join("\n\n");
}
