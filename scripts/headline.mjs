// Makes the headline of README.md, between <!-- headline --> and <!-- /headline -->, from the results of
// `lowland reproduce paper`; table and figure of the first, answers of all:
//   node scripts/headline.mjs docs/results/paper/results.json docs/results/paper/steps-1000/results.json
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { unique } from "../dist/evaluation/group.js";
import { plainName, regularizerIn } from "../dist/evaluation/names.js";
import { scoreOf } from "../dist/evaluation/tuning.js";
import { parseResults } from "../dist/index.js";
import { withDataLabels } from "../dist/report/datasets.js";
import { listed } from "../dist/report/format.js";
import { LIGHT } from "../dist/report/style.js";
import { isDecidedCell, tested, verdictsOf } from "../dist/report/verdicts.js";
import { interval, table } from "./markdown.mjs";

const README = "README.md";
const paths = process.argv.slice(2);
const [path] = paths;
if (path === undefined) throw new Error("usage: node scripts/headline.mjs RESULTS.json [RESULTS.json …]");
const all = paths.map((each) => withDataLabels(parseResults(readFileSync(each, "utf8"), each)));
const [results] = all;
const { transfer, evaluations, comparisons, settings, version, kernelVariant } = results;
if (transfer === undefined)
  throw new Error(`${path} has no transfer matrix: give results of reproduce paper`);

const sources = unique(transfer.map((cell) => cell.source));
const REGULARIZERS = { sam: "SAM", gsam: "GSAM", gam: "GAM" };
const horizons = [...settings.steps].sort((a, b) => a - b);
const tasks = unique(transfer.map((cell) => cell.task));
const places = horizons.flatMap((steps) => tasks.map((task) => ({ task, steps })));
const after = ({ task, steps }) => (horizons.length === 1 ? task : `${task}, ${steps} steps`);

const cellOf = (task, steps, regularizer, measure, source) =>
  transfer.find(
    (cell) =>
      cell.source === source &&
      cell.task === task &&
      cell.steps === steps &&
      cell.regularizer === regularizer &&
      cell.measure === measure,
  );

/** The change in points with its interval, bold if a test stands behind it. */
function changeText(task, steps, regularizer, source) {
  const cell = cellOf(task, steps, regularizer, "testAccuracy", source);
  const { mean, low, high } = cell?.change ?? {};
  if (mean == null) return "—";
  const points = (share) => {
    const text = Math.abs(100 * share).toFixed(1);
    return Number(text) === 0 ? text : `${share < 0 ? "−" : "+"}${text}`;
  };
  const text = points(mean);
  const marked = isDecidedCell(cell, comparisons) ? `**${text}**` : text;
  return low == null ? marked : `${marked} [${points(low)}, ${points(high)}]`;
}

/** The hand-designed optimizer that tuning found best on meta-validation, and its test accuracy. */
function bestText(task, steps) {
  const scored = (results.tuning ?? [])
    .filter((record) => record.task === task)
    .flatMap(({ optimizer, candidates, chosen }) => {
      const spec = chosen.find((choice) => choice.steps === steps)?.spec;
      const candidate = candidates.find((other) => other.spec === spec);
      return candidate === undefined ? [] : [{ optimizer, loss: scoreOf(candidate, steps) }];
    })
    .sort((one, other) => one.loss - other.loss);
  const best = scored[0]?.optimizer;
  const record = evaluations.find(
    (other) => other.task === task && other.steps === steps && other.optimizer === best,
  );
  return record === undefined ? "—" : `${best}: ${interval(record.summary.testAccuracy, 1, 100)}`;
}

const rows = sources.flatMap((source) =>
  places.map(({ task, steps }) => [
    source,
    after({ task, steps }),
    interval(cellOf(task, steps, "none", "testAccuracy", source)?.value, 1, 100),
    ...Object.keys(REGULARIZERS).map((regularizer) => changeText(task, steps, regularizer, source)),
    bestText(task, steps),
  ]),
);

/** Where the axis of the figure begins. */
const LOWEST_RATIO = 0.005;

/** Changes of the top eigenvalue as dots with their intervals: tasks down, sources across, regularizers by colour. */
function drawing() {
  const points = sources.flatMap((source) =>
    places.flatMap(({ task, steps }) =>
      Object.entries(REGULARIZERS).flatMap(([regularizer, name]) => {
        const cell = cellOf(task, steps, regularizer, "topEigenvalue", source);
        const { mean, low, high } = cell?.change ?? {};
        if (mean == null) return [];
        const spread = low == null ? {} : { low: Math.max(1 + low, LOWEST_RATIO), high: 1 + high };
        return [
          {
            source: `meta-trained on ${source}`,
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
  const names = Object.values(REGULARIZERS);
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

/** The paper's questions down, the results across: the outcome, and for every kind of test those for and against. */
function answers() {
  const columns = all.map(({ settings: { steps, tasks: on } }) =>
    [`after ${steps.join(" and ")} steps`, `${on.length} task${on.length === 1 ? "" : "s"}`].join(", "),
  );
  const verdicts = all.map(verdictsOf);
  const rows = verdicts[0].map(({ question }, i) => [
    question,
    ...verdicts.map((own) => {
      const { outcome, tallies } = own[i];
      const counted = Object.entries(tallies)
        .filter(([, tally]) => tested(tally) > 0)
        .map(([what, tally]) => {
          const { support, against, unequallyTrained = 0 } = tally;
          const unequal =
            unequallyTrained > 0
              ? ` (${unequallyTrained} of these ${support + against} unequally trained)`
              : "";
          return `${what} ${support} for, ${against} against of ${tested(tally)}${unequal}`;
        });
      return `**${outcome}**${counted.length === 0 ? "" : `: ${counted.join("; ")}`}`;
    }),
  ]);
  return table(["", ...columns], rows);
}

/** The hand-designed optimizers, in words: `4: SGD and Adam, each alone and with explicit SAM`. */
function handDesigned() {
  const names = unique(results.tuning.map(({ optimizer }) => optimizer));
  const plain = unique(names.map(plainName));
  const explicit = unique(names.flatMap((name) => regularizerIn(name) ?? []));
  const all = names.length === plain.length * (1 + explicit.length);
  if (!all || explicit.length === 0) return `${names.length}: ${listed(names)}`;
  return `${names.length}: ${listed(plain)}, each alone and with explicit ${listed(explicit)}`;
}

const figure = join(dirname(path), "flatness.svg");
writeFileSync(figure, drawing());

const metaSeeds = sources
  .map((source) => {
    const own = results.metaTraining.filter(({ task }) => task === source);
    const count = new Set(own.map(({ metaSeed }) => metaSeed)).size;
    return `\`${source}\` (${count} meta-seed${count === 1 ? "" : "s"})`;
  })
  .join(" and ");
const text = [
  "What of the paper's claims these results reproduce, and the tests of each: of the quantity that a regularizer is made to lower, after equal",
  "steps and at equal training loss, and of test accuracy. “For” and “against” are significant after Holm's correction; the rest is undecided.",
  "“Unequally trained”: the training loss differs significantly there too, so that what is compared may be how far the networks were trained.",
  "",
  ...answers(),
  "",
  `Test accuracy in percent after ${horizons.join(" and ")} steps from ${settings.seeds.length} unseen seeds, mean and 95 % interval: learned optimizers meta-trained on`,
  `${metaSeeds} without a regularizer, and the change in points with SAM, GSAM or GAM in the meta-objective. **Bold**: p < 0.05`,
  `after Holm's correction over all tests. Last, the hand-designed optimizer that tuning on meta-validation found best, of ${handDesigned()}.`,
  "",
  ...table(
    [
      "meta-trained on",
      "task",
      "plain",
      ...Object.values(REGULARIZERS).map((name) => `with ${name}`),
      "best hand-designed",
    ],
    rows,
  ),
  "",
  `![Top Hessian eigenvalue with each regularizer as a multiple of that without, by task](${figure})`,
  "",
  "How flat the points reached are: the top Hessian eigenvalue with each regularizer as a multiple of the plain learned optimizer's, geometric",
  `mean and 95 % interval over seeds; left of 1 is flatter. Filled: significant after correction. Made by \`node scripts/headline.mjs ${paths.join(" ")}\``,
  `from results of Lowland ${version} (${kernelVariant} kernels). What was found and what limits it, the exact commands, every seed and the page with all`,
  `tests: [${dirname(path)}](${dirname(path)}).`,
].join("\n");

const readme = readFileSync(README, "utf8");
const pattern = /<!-- headline -->[\s\S]*<!-- \/headline -->/;
if (!pattern.test(readme)) throw new Error(`${README} has no <!-- headline --> markers`);
writeFileSync(
  README,
  readme.replace(pattern, () => `<!-- headline -->\n\n${text}\n\n<!-- /headline -->`),
);
