// Makes the headline of README.md, between <!-- headline --> and <!-- /headline -->, and its figure, from the results of
// `lowland reproduce paper`; the figure of the first, answers of all:
//   node scripts/headline.mjs docs/results/paper/results.json docs/results/paper/steps-1000/results.json
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { isDecidedCell } from "../dist/analysis/decisions.js";
import { verdictsOf } from "../dist/analysis/verdicts.js";
import { unique } from "../dist/evaluation/group.js";
import { bySource } from "../dist/evaluation/method-id.js";
import { labelsOf } from "../dist/index.js";
import { OUTCOMES, SIGNIFICANCE } from "../dist/report/catalogue.js";
import { answersTable, sourcesText } from "../dist/report/digest.js";
import { LIGHT } from "../dist/report/style.js";
import { readResults, replaceBlock } from "./readme.mjs";

const paths = process.argv.slice(2);
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
    marginRight: 190,
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
writeFileSync(figure, drawing());

const outcomes = Object.keys(OUTCOMES).filter((outcome) =>
  all.some((one) => verdictsOf(one).some((verdict) => verdict.outcome === outcome)),
);
const text = [
  "What of the paper's claims these results reproduce: tests of the quantity that each regularizer is made to lower, after equal",
  "steps and at equal training loss, and of test accuracy.",
  `${SIGNIFICANCE}.`,
  "“Of one run”: the test compares single meta-training runs, and says nothing of meta-training again.",
  "“Unequally trained”: the training loss differs significantly there too.",
  "Then the median change over all tests and its quartiles.",
  "",
  answersTable(all),
  "",
  ...outcomes.map((outcome) => `- ${outcome}: ${OUTCOMES[outcome]}.`),
  "",
  `The learned optimizers were meta-trained on ${sourcesText(results)}, and run from ${settings.seeds.length} unseen seeds.`,
  "",
  `![Top Hessian eigenvalue with each regularizer as a multiple of that without, by task](${figure})`,
  "",
  "How flat the points reached are: the top Hessian eigenvalue as a multiple of the plain learned optimizer's.",
  "Dots are geometric means over seeds with 95 % intervals; left of 1 is flatter; filled is significant after correction.",
  `Made by \`node scripts/headline.mjs ${paths.join(" ")}\``,
  `from results of Lowland ${version} (${kernelVariant} kernels). Accuracies, limits, commands and the page with all tests:`,
  `[${dirname(path)}](${dirname(path)}).`,
].join("\n");
replaceBlock("README.md", "headline", text);
