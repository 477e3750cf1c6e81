import { isJudge } from "../analysis/measures.ts";
import { controlTests } from "../analysis/verdicts.ts";
import { mean, unique } from "../evaluation/group.ts";
import { methodKey } from "../evaluation/method-id.ts";
import {
  type CurvePoint,
  type EvaluationRecord,
  isLarge,
  type Measured,
  type Results,
} from "../evaluation/results.ts";
import { figure, type Line, legend, type Point } from "./figures.ts";
import { type Html, html } from "./html.ts";
import { block, type Drawn, groupsOf, how, MOST_OPEN, type Section } from "./section.ts";
import { methodsIn, shownNote } from "./series.ts";
import { comparisonTable, placeOf, resultsTable } from "./tables.ts";

/** Losses and metrics of every optimizer, and the tests between them. */
export function resultsSection({ results, labels }: Drawn): Section | undefined {
  const { evaluations, metrics } = results;
  const comparisons = otherComparisons(results);
  const groups = groupsOf(evaluations);
  if (evaluations.length === 0 && comparisons.length === 0) return undefined;
  const geometric = evaluations.some(({ summary }) => summary.trainLoss.geometric);
  const body = html`${how(
    `Training and test loss are means over the whole split after the last step: lower is better. Test accuracy is the share of test examples classified correctly. The brackets hold a 95\u00a0% interval of the mean over seeds; where two intervals overlap much, these seeds do not tell the two optimizers apart.${geometric ? " Losses and measures of sharpness spread by factors: their means over seeds are geometric." : ""}`,
    "Gradients per step is the price of a step: an optimizer that takes two has done twice the work of one that takes a single gradient after as many steps.",
  )}
${
  groups.length <= MOST_OPEN
    ? evaluations.length === 0
      ? ""
      : resultsTable(evaluations, metrics, labels)
    : groups.map((records) =>
        block(
          placeOf(records[0]!.task, records[0]!.steps, labels),
          resultsTable(records, metrics, labels),
          groups.length,
        ),
      )
}
${
  comparisons.length === 0
    ? ""
    : block(
        "Differences between optimizers",
        html`<p>Each pair ran from the same seeds, so the test looks at the difference seed by seed. The effect size is the mean difference over its standard deviation. Holm’s correction accounts for every test ${comparisons.length === results.comparisons.length ? "in this table" : "in these results, shown or not"}.</p>
${comparisonTable(comparisons, labels)}`,
        groups.length,
      )
}`;
  return { id: "results", title: "Results", body };
}

/** The questions show the tests they rest on; what is left is how hand-designed optimizers compare. */
function otherComparisons(results: Results): Results["comparisons"] {
  if (!isLarge(results)) return results.comparisons;
  return controlTests(results).filter(
    ({ measure }) => isJudge(measure, results) || measure === "topEigenvalue",
  );
}

/** Losses and metrics along the runs. */
export function trainingSection({ few, results, labels, series }: Drawn): Section | undefined {
  const { evaluations, metrics } = few;
  // A shorter run of the same optimizer is the beginning of the longer one: the longest says it all.
  const longest = unique(evaluations.map(({ task }) => task)).map((task) => {
    const own = evaluations.filter((record) => record.task === task);
    return methodsIn(own).map((method) =>
      own
        .filter((record) => methodKey(record.method) === methodKey(method))
        .reduce((a, b) => (b.steps > a.steps ? b : a)),
    );
  });
  const seriesFor = ({ method }: EvaluationRecord) => series.get(methodKey(method))!;
  const curves = (
    records: readonly EvaluationRecord[],
    title: string,
    note: string,
    read: (point: CurvePoint) => Measured | undefined,
    share = false,
  ): Html | undefined =>
    figure({
      title,
      note,
      xLabel: "Inner step",
      lines: records.map(
        (record): Line => ({
          series: seriesFor(record),
          points: overSeeds(
            record.seeds.map(({ curve }) => curve.map((point) => [point.step, read(point)] as const)),
          ),
        }),
      ),
      kind: "curve",
      share,
    });
  const blocks = longest.flatMap((records) => {
    const figures = [
      curves(
        records,
        "Training loss",
        "On the minibatch of each inner step. Mean and range over seeds.",
        (point) => point.loss,
      ),
      ...metrics.map(({ name, label, format }) =>
        curves(
          records,
          `Validation ${label}`,
          `On held-out training data.${format === "percent" ? " The axis starts above the first values." : ""} Mean and range over seeds.`,
          (point) => point.metrics?.[name],
          format === "percent",
        ),
      ),
    ].filter((drawn) => drawn !== undefined);
    if (figures.length === 0) return [];
    return [
      block(
        labels.task(records[0]!.task),
        html`${legend(records.map(seriesFor))}
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
${shownNote(results.evaluations, evaluations, labels)}
${blocks}`;
  return { id: "training", title: "Training curves", body };
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
