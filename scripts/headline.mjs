// Makes the headline of README.md, between <!-- headline --> and <!-- /headline -->, and its figure from the results of
// `lowland reproduce paper`:
//   node scripts/headline.mjs docs/results/paper/results.json [README.md]
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { parseResults } from "../dist/index.js";
import { withDataLabels } from "../dist/report/datasets.js";
import { isDecidedCell } from "../dist/report/verdicts.js";
import { interval, table } from "./markdown.mjs";

const [path, readmePath = "README.md"] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: node scripts/headline.mjs RESULTS.json [README.md]");
const results = withDataLabels(parseResults(readFileSync(path, "utf8"), path));
const { transfer, evaluations, comparisons, settings, version, kernelVariant } = results;
if (transfer === undefined)
  throw new Error(`${path} has no transfer matrix: give results of reproduce paper`);

const sources = [...new Set(transfer.map((cell) => cell.source))];
const REGULARIZERS = { sam: "SAM", gsam: "GSAM", gam: "GAM" };
const BASELINES = ["Adam", "Adam + SAM"];

const cellOf = (task, steps, regularizer, measure, source = sources[0]) =>
  transfer.find(
    (cell) =>
      cell.source === source &&
      cell.task === task &&
      cell.steps === steps &&
      cell.regularizer === regularizer &&
      cell.measure === measure,
  );

function changeText(task, steps, regularizer) {
  const cell = cellOf(task, steps, regularizer, "testAccuracy");
  const mean = cell?.change?.mean;
  if (mean == null) return "—";
  const text = `${mean < 0 ? "−" : "+"}${Math.abs(100 * mean).toFixed(2)}`;
  return isDecidedCell(cell, comparisons) ? `**${text}**` : text;
}

const horizons = [...settings.steps].sort((a, b) => a - b);
const tasks = [...new Set(transfer.map((cell) => cell.task))];
const places = horizons.flatMap((steps) => tasks.map((task) => ({ task, steps })));
const rows = places.map(({ task, steps }) => [
  task,
  steps,
  interval(cellOf(task, steps, "none", "testAccuracy")?.value, 2, 100),
  ...Object.keys(REGULARIZERS).map((regularizer) => changeText(task, steps, regularizer)),
  ...BASELINES.map((name) => {
    const record = evaluations.find(
      (other) => other.task === task && other.steps === steps && other.optimizer === name,
    );
    return interval(record?.summary.testAccuracy, 2, 100);
  }),
]);

/** Where the axis of the figure begins: an interval may reach below zero where an eigenvalue was negative. */
const LOWEST_RATIO = 0.005;

/** Changes of the top eigenvalue as dots with their intervals: tasks down, sources across, regularizers by colour. */
function drawing() {
  const points = sources.flatMap((source) =>
    places.flatMap(({ task, steps }) =>
      Object.entries(REGULARIZERS).flatMap(([regularizer, name]) => {
        const change = cellOf(task, steps, regularizer, "topEigenvalue", source)?.change;
        if (change?.mean == null) return [];
        const [x, low, high] = [change.mean, change.low, change.high].map((share) => 1 + share);
        if (x <= 0) return [];
        const place = `${task}, ${steps} steps`;
        return [
          { source: `meta-trained on ${source}`, place, name, x, low: Math.max(low, LOWEST_RATIO), high },
        ];
      }),
    ),
  );
  const { document } = parseHTML("<html></html>");
  const names = Object.values(REGULARIZERS);
  const colors = ["#0b6fb8", "#c25a00", "#7a3fa0"];
  const common = { y: "name", stroke: "name", fx: "source", fy: "place" };
  const svg = Plot.plot({
    document,
    width: 940,
    height: 100 + 50 * new Set(points.map(({ place }) => place)).size,
    marginLeft: 60,
    marginRight: 270,
    marginTop: 30,
    marginBottom: 50,
    style: { background: "white", fontSize: "13px", fontFamily: "sans-serif", color: "#222" },
    x: {
      type: "log",
      label: "Top Hessian eigenvalue, as a multiple of the plain learned optimizer’s",
      ticks: [0.01, 0.1, 0.5, 1, 2],
      tickFormat: String,
      grid: true,
    },
    y: { domain: names, label: null },
    fx: { domain: [...new Set(points.map((point) => point.source))], label: null },
    fy: { domain: [...new Set(points.map(({ place }) => place))], label: null },
    color: { domain: names, range: colors },
    marks: [
      Plot.ruleX([1], { stroke: "#222" }),
      Plot.ruleY(points, { ...common, x1: "low", x2: "high", strokeWidth: 2 }),
      Plot.dot(points, { ...common, x: "x", fill: "name", r: 3.5 }),
    ],
  });
  const root = svg.tagName.toLowerCase() === "svg" ? svg : svg.querySelector("svg");
  root.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${root.outerHTML}\n`;
}

const figure = join(dirname(path), "flatness.svg");
writeFileSync(figure, drawing());

const seeds = settings.seeds.length;
const metaSeeds = new Set(
  results.metaTraining.filter(({ task }) => task === sources[0]).map(({ metaSeed }) => metaSeed),
).size;
const text = [
  `Learned optimizers meta-trained on \`${sources[0]}\` (${metaSeeds} meta-seed${metaSeeds === 1 ? "" : "s"}, horizon 100), ${seeds} unseen seeds each; hand-designed ones tuned on`,
  "meta-validation for each task and number of steps. Test accuracy in percent, mean and 95 % interval; for the regularized ones the change in",
  "points against the plain one, bold where a paired test with Holm's correction stands behind it.",
  "",
  ...table(
    ["task", "steps", "LSTM", ...Object.values(REGULARIZERS).map((name) => `+ ${name}`), ...BASELINES],
    rows,
  ),
  "",
  `![Top Hessian eigenvalue with each regularizer as a multiple of that without, by task](${figure})`,
  "",
  `Made by \`node scripts/headline.mjs ${path}\` from results of Lowland ${version} (${kernelVariant} kernels). What was found, the exact commands,`,
  `every seed and the page with all tests: [${dirname(path)}](${dirname(path)}).`,
].join("\n");

const readme = readFileSync(readmePath, "utf8");
const pattern = /<!-- headline -->[\s\S]*<!-- \/headline -->/;
if (!pattern.test(readme)) throw new Error(`${readmePath} has no <!-- headline --> markers`);
writeFileSync(
  readmePath,
  readme.replace(pattern, () => `<!-- headline -->\n\n${text}\n\n<!-- /headline -->`),
);
