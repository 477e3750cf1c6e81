// Makes the headline of README.md, between <!-- headline --> and <!-- /headline -->, and its figure, from the results of
// `lowland reproduce paper`; the figure of the first, outcomes of all:
//   node scripts/headline.mjs docs/results/paper/results.json docs/results/paper/steps-1000/results.json [--check]
import { dirname, join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { isDecidedCell } from "../dist/analysis/decisions.js";
import { verdictsOf } from "../dist/analysis/verdicts.js";
import { unique } from "../dist/evaluation/group.js";
import { bySource } from "../dist/evaluation/method-id.js";
import { labelsOf } from "../dist/index.js";
import { QUESTIONS } from "../dist/report/catalogue.js";
import { sourcesText } from "../dist/report/digest.js";
import { markdownTable } from "../dist/report/markdown.js";
import { LIGHT } from "../dist/report/theme.js";
import { readResults, replaceBlock, writeChecked } from "./readme.mjs";

const paths = process.argv.slice(2).filter((word) => word !== "--check");
const [path] = paths;
if (path === undefined) throw new Error("usage: node scripts/headline.mjs RESULTS.json [RESULTS.json …]");
const all = paths.map(readResults);
const [results] = all;
const { transfer, comparisons, settings, version, kernelVariant } = results;
if (transfer === undefined)
  throw new Error(`${path} has no transfer matrix: give results of reproduce paper`);

const labels = labelsOf(results);
const sources = bySource(transfer).map(({ source }) => source);
const regularizers = unique(transfer.map(({ method }) => method.regularizer)).filter(
  (name) => name !== "none",
);
const horizons = unique(transfer.map(({ steps }) => steps)).sort((a, b) => a - b);
const tasks = unique(transfer.map(({ task }) => task));
const places = horizons.flatMap((steps) => tasks.map((task) => ({ task, steps })));
const after = ({ task, steps }) =>
  horizons.length === 1 ? labels.task(task) : `${labels.task(task)}, ${steps} steps`;

const cellOf = (task, steps, regularizer, source) =>
  transfer.find(
    (cell) =>
      String(cell.method.source) === String(source) &&
      cell.method.regularizer === regularizer &&
      cell.task === task &&
      cell.steps === steps &&
      cell.measure === "topEigenvalue",
  );

/** Where the axis of the figure begins. */
const LOWEST_RATIO = 0.005;

/** Changes of the top eigenvalue as dots with their intervals: tasks down, sources across, regularizers by colour. */
function drawing() {
  const points = sources.flatMap((source) =>
    places.flatMap(({ task, steps }) =>
      regularizers.flatMap((regularizer) => {
        const cell = cellOf(task, steps, regularizer, source);
        const name = labels.regularizer(regularizer);
        const { mean, low, high } = cell?.change ?? {};
        if (mean == null) return [];
        const spread = low == null ? {} : { low: Math.max(1 + low, LOWEST_RATIO), high: 1 + high };
        return [
          {
            source: `meta-trained on ${source.join(", ")}`,
            place: after({ task, steps }),
            name,
            x: 1 + mean,
            decided: isDecidedCell(cell, comparisons),
            ...spread,
          },
        ];
      }),
    ),
  );
  const { document } = parseHTML("<html></html>");
  const names = regularizers.map(labels.regularizer);
  // those of the page, where the first is the plain optimizer's
  const colors = LIGHT.series.slice(1, 4);
  const common = { y: "name", stroke: "name", fx: "source", fy: "place" };
  const svg = Plot.plot({
    document,
    width: 860,
    height: 100 + 50 * new Set(points.map(({ place }) => place)).size,
    marginLeft: 60,
    marginRight: 210,
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
    fx: { domain: unique(points.map((point) => point.source)), label: null },
    fy: { domain: unique(points.map(({ place }) => place)), label: null },
    color: { domain: names, range: colors },
    marks: [
      Plot.ruleX([1], { stroke: "#222" }),
      Plot.ruleY(
        points.filter(({ low }) => low !== undefined),
        { ...common, x1: "low", x2: "high", strokeWidth: 2 },
      ),
      Plot.dot(points, { ...common, x: "x", fill: "white", r: 3.5, strokeWidth: 1.5 }),
      Plot.dot(
        points.filter(({ decided }) => decided),
        { ...common, x: "x", fill: "name", r: 3.5 },
      ),
    ],
  });
  const root = svg.tagName.toLowerCase() === "svg" ? svg : svg.querySelector("svg");
  root.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${root.outerHTML}\n`;
}

const figure = join(dirname(path), "flatness.svg");
writeChecked(figure, drawing());

const answers = all.map(verdictsOf);
const stepsOf = ({ evaluations }) => unique(evaluations.map(({ steps }) => steps)).join(" and ");
const text = [
  `The paper's claims, on ${tasks.length} tasks, by learned optimizers from ${sourcesText(results)} and ${settings.seeds.length} unseen seeds each:`,
  "",
  markdownTable(
    ["", ...all.map((one) => `after ${stepsOf(one)} steps`)],
    answers[0].map(({ id }, i) => [QUESTIONS[id].question, ...answers.map((own) => own[i].outcome)]),
  ),
  "",
  `What these words mean, tests, accuracies, limits and commands: [${dirname(path)}](${dirname(path)}/README.md). Made by \`scripts/headline.mjs\` from results of Lowland ${version} (${kernelVariant} kernels).`,
].join("\n");
replaceBlock("README.md", "headline", text);
