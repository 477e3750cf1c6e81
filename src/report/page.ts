import { unique } from "../evaluation/group.ts";
import type {
  CurvePoint,
  EvaluationRecord,
  Measured,
  RADIUS_MEASURES,
  RadiusMeasure,
  Results,
  SharpnessRecord,
} from "../evaluation/results.ts";
import { mean } from "../evaluation/statistics.ts";
import { convergenceNotes } from "../evaluation/summaries.ts";
import { choicesBody } from "./choices.ts";
import { dataNotes, withDataLabels } from "./datasets.ts";
import { figure, type Line, legend, type Point, type Series } from "./figures.ts";
import { equalLossBlock, landscapeBlocks, spectrumBlocks } from "./flatness.ts";
import { count, duration } from "./format.ts";
import { type Html, html, raw } from "./html.ts";
import { findingsOf, groupsOf, summaryOf } from "./prose.ts";
import { answerList, questionSections } from "./questions.ts";
import { seriesOf, seriesWithin, shownNote, withFewOptimizers } from "./series.ts";
import { STYLE } from "./style.ts";
import {
  comparisonTable,
  factsTable,
  MEASURE_NAMES,
  metaTrainingTable,
  pointTable,
  radiusTable,
  resultsTable,
  settingsTable,
} from "./tables.ts";

interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

/**
 * One self-contained HTML page about `results`: no script, no external resource, figures as inline SVG. The
 * same results always give the same bytes.
 *
 * @example
 * writeFileSync("report.html", renderReport(parseResults(readFileSync("results.json", "utf8"), "results.json")));
 */
export function renderReport(given: Results): string {
  const results = withDataLabels(given);
  const series = seriesOf(results);
  const few = withFewOptimizers(results);
  const sections = [
    ...questionSections(results),
    resultsSection(results),
    trainingSection(few, results, series),
    metaTrainingSection(results, series),
    choicesSection(results),
    flatnessSection(few, results, series),
    settingsSection(results),
    provenanceSection(results),
  ].filter((section) => section !== undefined);
  const [lead, ...more] = summaryOf(results);
  const findings = findingsOf(results);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="Lowland ${results.version}">
<meta name="description" content="${lead}">
<link rel="icon" href="data:,">
<title>${results.title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<div class="page">
<header>
<p class="eyebrow">Lowland report</p>
<h1>${results.title}</h1>
<p class="lead">${lead}</p>
${more.length === 0 ? "" : html`<p>${more.join(" ")}</p>`}
${dataNotes(results).map((note) => html`<p class="data-note">${note}</p>\n`)}
${answerList(results)}
${
  findings.length === 0
    ? ""
    : html`<ul class="findings" aria-label="What came out">${findings.map(
        ({ text, decided }) => html`<li${decided ? "" : html` class="plain"`}>${text}</li>\n`,
      )}</ul>`
}
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
</header>
<main>
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
)}</main>
<footer>Made by Lowland ${results.version} from results.json; <span class="mono">lowland report</span> makes it again.</footer>
</div>
</body>
</html>
`;
  return page.markup;
}

function how(...paragraphs: string[]): Html {
  const [first, ...rest] = paragraphs;
  return html`<aside class="how" aria-label="How to read this"><p><b>How to read this.</b> ${first}</p>${rest.map(
    (text) => html`<p>${text}</p>`,
  )}</aside>`;
}

/** Beyond this many, the blocks of single tasks are folded. */
const MOST_OPEN = 4;

/** A block under a heading, folded where there are many of them. */
function block(heading: string, body: Html, blocks: number): Html {
  return blocks <= MOST_OPEN
    ? html`<h3>${heading}</h3>
${body}`
    : html`<details><summary>${heading}</summary>
${body}</details>
`;
}

/** The questions show the tests they rest on; what is left is how hand-designed optimizers compare. */
function otherComparisons({ kind, comparisons }: Results): Results["comparisons"] {
  if (kind !== "reproduce-paper") return comparisons;
  return comparisons.filter(
    ({ source, measure, candidate, baseline }) =>
      source === undefined &&
      candidate.startsWith(`${baseline} + `) &&
      (measure === "testAccuracy" || measure === "topEigenvalue"),
  );
}

function resultsSection(results: Results): Section | undefined {
  const { evaluations } = results;
  const comparisons = otherComparisons(results);
  const groups = groupsOf(evaluations);
  if (evaluations.length === 0 && comparisons.length === 0) return undefined;
  const body = html`${how(
    "Training and test loss are means over the whole split after the last step: lower is better. Test accuracy is the share of test examples classified correctly. The brackets hold a 95\u00a0% interval of the mean over seeds; where two intervals overlap much, these seeds do not tell the two optimizers apart.",
    "Gradients per step is the price of a step: an optimizer that takes two has done twice the work of one that takes a single gradient after as many steps.",
  )}
${
  groups.length <= MOST_OPEN
    ? evaluations.length === 0
      ? ""
      : resultsTable(evaluations)
    : groups.map((records) =>
        block(`${records[0]!.task}, ${count(records[0]!.steps)} steps`, resultsTable(records), groups.length),
      )
}
${
  comparisons.length === 0
    ? ""
    : block(
        "Differences between optimizers",
        html`<p>Each pair ran from the same seeds, so the test looks at the difference seed by seed. The effect size is the mean difference over its standard deviation. Holm’s correction accounts for every test ${comparisons.length === results.comparisons.length ? "in this table" : "in these results, shown or not"}.</p>
${comparisonTable(comparisons)}`,
        groups.length,
      )
}`;
  return { id: "results", title: "Results", body };
}

function trainingSection(
  { evaluations }: Results,
  all: Results,
  series: ReadonlyMap<string, Series>,
): Section | undefined {
  // A shorter run of the same optimizer is the beginning of the longer one: the longest says it all.
  const longest = unique(evaluations.map(({ task }) => task)).map((task) =>
    unique(evaluations.map(({ optimizer }) => optimizer)).flatMap((optimizer) => {
      const runs = evaluations.filter((record) => record.task === task && record.optimizer === optimizer);
      return runs.length === 0 ? [] : [runs.reduce((a, b) => (b.steps > a.steps ? b : a))];
    }),
  );
  const blocks = longest.flatMap((records) => {
    const figures = curveFigures(records, series);
    if (figures.length === 0) return [];
    return [
      block(
        records[0]!.task,
        html`${legend(records.map(({ optimizer }) => series.get(optimizer)!))}
<div class="figures">${figures}</div>
`,
        longest.length,
      ),
    ];
  });
  if (blocks.length === 0) return undefined;
  const body = html`${how(
    "Lines are means over seeds; bands reach from the lowest to the highest seed. Learned optimizers are drawn solid, hand-designed ones dashed. The training loss is the one met on each minibatch, so it is noisy.",
  )}
${shownNote(all.evaluations, evaluations)}
${blocks}`;
  return { id: "training", title: "Training curves", body };
}

function curveFigures(records: readonly EvaluationRecord[], series: ReadonlyMap<string, Series>): Html[] {
  const linesOf = (read: (point: CurvePoint) => Measured | undefined): Line[] =>
    records.map(({ optimizer, seeds }) => ({
      series: series.get(optimizer)!,
      points: overSeeds(seeds.map(({ curve }) => curve.map((point) => [point.step, read(point)] as const))),
    }));
  return [
    figure({
      title: "Training loss",
      note: "On the minibatch of each inner step. Mean and range over seeds.",
      xLabel: "Inner step",
      lines: linesOf((point) => point.loss),
      kind: "curve",
    }),
    figure({
      title: "Validation accuracy",
      note: "On held-out training images. The axis starts above the first values. Mean and range over seeds.",
      xLabel: "Inner step",
      lines: linesOf((point) => point.validationAccuracy),
      kind: "curve",
      share: true,
    }),
  ].filter((drawn) => drawn !== undefined);
}

/** Mean, lowest and highest value at every x that any seed has. */
function overSeeds(curves: readonly (readonly (readonly [number, Measured | undefined])[])[]): Point[] {
  const at = new Map<number, number[]>();
  for (const [x, value] of curves.flat()) {
    if (value === null || value === undefined) continue;
    const values = at.get(x);
    if (values === undefined) at.set(x, [value]);
    else values.push(value);
  }
  return [...at]
    .sort(([a], [b]) => a - b)
    .map(([x, values]) => ({
      x,
      y: mean(values),
      ...(curves.length > 1 && { low: Math.min(...values), high: Math.max(...values) }),
    }));
}

function metaTrainingSection(
  { metaTraining }: Results,
  series: ReadonlyMap<string, Series>,
): Section | undefined {
  if (metaTraining.length === 0) return undefined;
  const curve = <P extends { outerStep: number }>(
    points: readonly P[],
    read: (point: P) => Measured,
  ): Point[] =>
    points.flatMap((point) => {
      const y = read(point);
      return y === null ? [] : [{ x: point.outerStep, y }];
    });
  const sources = unique(metaTraining.map(({ task }) => task));
  const figuresOf = (runs: typeof metaTraining, names: readonly Series[], where: string): Html[] =>
    [
      figure({
        title: `Meta-loss${where}`,
        note: "What meta-training minimizes, mean per inner step, by outer step.",
        xLabel: "Outer step",
        lines: runs.map((record, i) => ({
          series: names[i]!,
          points: curve(record.metaLossCurve, (point) => point.metaLoss),
        })),
        kind: "curve",
      }),
      figure({
        title: `Meta-validation loss${where}`,
        note: "On data held back from meta-training. The ring marks the checkpoint that was kept.",
        xLabel: "Outer step",
        lines: runs.map((record, i) => ({
          series: names[i]!,
          points: curve(record.metaValidationCurve, (point) => point.loss),
          ring: record.bestOuterStep,
        })),
        kind: "curve",
      }),
    ].filter((drawn) => drawn !== undefined);
  const figures =
    sources.length === 1 && metaTraining.length <= 4
      ? figuresOf(
          metaTraining,
          metaTraining.map(({ name }) => series.get(name)!),
          "",
        )
      : sources.flatMap((source) => {
          const runs = metaTraining.filter(({ task }) => task === source);
          return figuresOf(runs, seriesWithin(runs, series), `, ${source}`);
        });
  const body = html`${how(
    "A learned optimizer is itself trained: each outer step lets it train a task for a while and changes its weights so that the losses met on the way get smaller. A regularizer in the meta-objective replaces that loss by a sharpness-aware one, which is larger by construction: meta-losses with different regularizers are not on one scale, while meta-validation losses are.",
  )}
<div class="figures">${figures}</div>
${metaTrainingTable(metaTraining)}`;
  return { id: "meta-training", title: "Meta-training", body };
}

function flatnessSection(
  { sharpness }: Results,
  all: Results,
  series: ReadonlyMap<string, Series>,
): Section | undefined {
  if (sharpness.length === 0) return undefined;
  const groups = groupsOf(sharpness);
  const shown = ["maxLoss", "surrogateGap", "curvatureGap", "maxGradientNorm"] as const;
  const blocks = groups.map((records) => {
    const { task, steps } = records[0]!;
    const heading = `${task}, ${count(steps)} steps`;
    const figures = shown
      .map((measure) => radiusFigure(records, measure, series))
      .filter((drawn) => drawn !== undefined);
    return block(
      `By radius: ${heading}`,
      html`${legend(records.map(({ optimizer }) => series.get(optimizer)!))}
<div class="figures">${figures}</div>
${radiusTable(records, heading)}`,
      groups.length,
    );
  });
  const body = html`${how(
    "A flat minimum is one whose neighbourhood is as low as itself. Around each point reached, projected gradient ascent looks for the highest loss and the largest gradient within a distance ρ. The surrogate gap is that highest loss minus the loss at the point; the one-step gap follows the gradient alone. The top eigenvalue λ of the Hessian is the strongest curvature.",
    "Equal steps can mislead. All optimizers are measured after the same number of steps, not at the same training loss: one that has trained less, or stands where the gradient is small, can look flatter without having found flatter ground. Compare loss and gradient norm first. At small ρ the surrogate gap is almost only ρ‖g‖; the curvature gap, surrogate gap − ρ‖g‖, is the part that is curvature.",
  )}
${convergenceNotes([...all.sharpness, ...(all.sharpnessAtLoss ?? [])]).map((note) => html`<p>${note}</p>\n`)}${shownNote(all.sharpness, sharpness)}
${sharpnessTables(all)}
${landscapeBlocks(sharpness, series)}
${blocks}`;
  return { id: "flatness", title: "Flatness", body };
}

/** Tables over all optimizers, folded where they are long. */
function sharpnessTables({ sharpness, sharpnessAtLoss = [] }: Results): Html {
  const groups = groupsOf(sharpness);
  const points = html`${
    groups.length <= MOST_OPEN
      ? pointTable(sharpness)
      : groups.map((records) =>
          block(
            `At the point reached: ${records[0]!.task}, ${count(records[0]!.steps)} steps`,
            pointTable(records),
            groups.length,
          ),
        )
  }`;
  const equal =
    groups.length <= MOST_OPEN
      ? equalLossBlock(sharpnessAtLoss, sharpness)
      : sharpnessAtLoss.length === 0
        ? ""
        : html`<details><summary>At equal training loss, beside equal steps</summary>
${equalLossBlock(sharpnessAtLoss, sharpness)}</details>`;
  const spectra = spectrumBlocks(sharpness, sharpnessAtLoss);
  return html`${points}
${equal}
${groups.length <= MOST_OPEN || spectra.length === 0 ? spectra : html`<details><summary>Hessian spectrum and trace</summary>${spectra}</details>`}`;
}

const RADIUS_NOTES: Readonly<Record<RadiusMeasure, string>> = {
  maxLoss: "Highest loss found within ρ. Mean and 95\u00a0% interval.",
  surrogateGap: "Highest loss within ρ minus the loss at the point.",
  oneStepGap: "Rise of the loss one step of length ρ along the gradient.",
  maxGradientNorm: "Largest gradient norm found within ρ.",
  curvatureGap: "Surrogate gap − ρ‖g‖: the part that is curvature.",
};

function radiusFigure(
  records: readonly SharpnessRecord[],
  measure: (typeof RADIUS_MEASURES)[number],
  series: ReadonlyMap<string, Series>,
): Html | undefined {
  return figure({
    title: MEASURE_NAMES[measure],
    note: RADIUS_NOTES[measure],
    xLabel: "Radius ρ",
    lines: records.map(({ optimizer, summary }) => ({
      series: series.get(optimizer)!,
      points: summary.radii.flatMap(({ radius, [measure]: estimate }) =>
        estimate.mean === null
          ? []
          : [
              {
                x: radius,
                y: estimate.mean,
                low: estimate.low ?? undefined,
                high: estimate.high ?? undefined,
              },
            ],
      ),
    })),
    kind: "points",
  });
}

function choicesSection(results: Results): Section | undefined {
  const choices = choicesBody(results);
  if (choices === undefined) return undefined;
  const body = html`${how(
    "An optimizer is as good as its settings. All were chosen by the loss on meta-validation, a tenth of the training data that neither training nor the final numbers read, and every hand-designed optimizer had as many settings to choose from as any other.",
  )}
${choices}`;
  return { id: "choices", title: "How settings were chosen", body };
}

function settingsSection({ settings, metaTraining, evaluations }: Results): Section | undefined {
  const specs = new Map(
    unique(evaluations.map(({ optimizer }) => optimizer)).map((optimizer) => {
      const own = unique(
        evaluations.filter((record) => record.optimizer === optimizer).map(({ spec }) => spec),
      );
      return [
        optimizer,
        own.length === 1
          ? own[0]!
          : `${own.length} settings by task and number of steps: see How settings were chosen`,
      ];
    }),
  );
  const body = html`${how(
    "A spec string rebuilds its optimizer on the command line. Settings are those the run resolved to, defaults included; nested names are joined by dots.",
  )}
${
  specs.size === 0
    ? ""
    : settingsTable(
        "Optimizers by their spec strings.",
        [{ name: "Spec", settings: Object.fromEntries(specs) }],
        "Optimizer",
      )
}
${Object.keys(settings).length === 0 ? "" : settingsTable("Settings of the command.", [{ name: "Value", settings }])}
${metaTraining.length === 0 ? "" : settingsTable("Settings of meta-training.", metaTraining)}`;
  const empty = specs.size === 0 && Object.keys(settings).length === 0 && metaTraining.length === 0;
  return empty ? undefined : { id: "settings", title: "Settings", body };
}

/** A command that wraps between its words, not inside `--flags`. */
function words(command: string): Html[] {
  return command
    .split(/(\s+)/)
    .map((part, i) => (i % 2 === 0 ? html`<span class="word">${part}</span>` : html`${part}`));
}

function provenanceSection(results: Results): Section {
  const { command, startedAt } = results;
  const body = html`${how(
    "The same command with the same version and kernel variant gives the same numbers, whatever the number of threads; the portable variant gives them on any machine.",
  )}
<pre><code>${words(command)}</code></pre>
${factsTable("Where these numbers come from.", [
  ["Lowland", results.version],
  ["Kernel variant", results.kernelVariant],
  ["Node", results.node],
  ["Platform", results.platform],
  ...(startedAt === undefined ? [] : ([["Started", startedAt]] as const)),
  ...(results.runSeconds === undefined
    ? []
    : ([["Runs", `${duration(results.runSeconds)} of one core`]] as const)),
  ["Last command", duration(results.durationSeconds)],
  ...(results.estimates ?? []).map(
    ({ stage, work, seconds }) => [`Expected: ${stage}`, `${duration(seconds)}, ${work}`] as const,
  ),
  ["Results", `schemaVersion ${results.schemaVersion}, ${results.kind}`],
])}`;
  return { id: "provenance", title: "Provenance", body };
}
