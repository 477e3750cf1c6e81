// Puts the headline table into README.md, between <!-- headline --> and <!-- /headline -->, from a results.json:
//   node scripts/headline.mjs docs/results/mnist-mlp/results.json
import { readFileSync, writeFileSync } from "node:fs";
import { interval, table } from "./markdown.mjs";

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: node scripts/headline.mjs RESULTS.json");
const { evaluations, sharpness, command, version, kernelVariant } = JSON.parse(readFileSync(path, "utf8"));

const rows = evaluations.map(({ task, optimizer, steps, gradientsPerStep, summary }) => {
  const flat = sharpness.find(
    (record) => record.task === task && record.optimizer === optimizer && record.steps === steps,
  );
  return [
    optimizer,
    steps,
    gradientsPerStep.toFixed(gradientsPerStep % 1 === 0 ? 0 : 1),
    interval(summary.trainLoss, 3),
    interval(summary.testAccuracy, 2, 100),
    interval(flat?.summary.topEigenvalue, 2),
  ];
});
const header = ["optimizer", "steps", "gradients a step", "train loss", "test accuracy, %", "λ_max"];
const { seeds } = evaluations[0].summary;
const text = [
  `\`${evaluations[0].task}\`, ${seeds} unseen seeds, mean and 95 % interval:`,
  "",
  ...table(header, rows),
  "",
  `Made by \`${command}\` (Lowland ${version}, ${kernelVariant} kernels); all figures in [${path}](${path}).`,
].join("\n");

const readme = readFileSync("README.md", "utf8");
const pattern = /<!-- headline -->[\s\S]*<!-- \/headline -->/;
if (!pattern.test(readme)) throw new Error("README.md has no <!-- headline --> markers");
writeFileSync(
  "README.md",
  readme.replace(pattern, () => `<!-- headline -->\n\n${text}\n\n<!-- /headline -->`),
);
