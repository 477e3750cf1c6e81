// Results in Markdown, for the README files beside them.
import { isDecidedCell, testsIn } from "../analysis/decisions.ts";
import { judgeOf } from "../analysis/measures.ts";
import { type Verdict, verdictsOf } from "../analysis/verdicts.ts";
import { groupBy, unique } from "../evaluation/group.ts";
import { bySource, isHandDesigned, isPlain, isSameMethod, methodKey } from "../evaluation/method-id.ts";
import type { MethodId, Results, TransferCell } from "../evaluation/results.ts";
import { scoreOf } from "../evaluation/tuning.ts";
import { QUESTIONS, TESTED_AT, tallyText } from "./catalogue.ts";
import { type Format, fixed, listed, MISSING, plural, signed, significant } from "./format.ts";
import { labelsOf } from "./labels.ts";
import { intervalText, markdownTable } from "./markdown.ts";

/** The paper's questions down, results across: the outcome, and what every kind of test came to. */
export function answersTable(all: readonly Results[]): string {
  const verdicts = all.map(verdictsOf);
  const cellOf = ({ outcome, tallies }: Verdict): string => {
    const counted = (Object.keys(TESTED_AT) as (keyof typeof TESTED_AT)[]).flatMap((at) => {
      const tally = tallies[at];
      return tally === undefined || testsIn(tally) === 0 ? [] : [`${TESTED_AT[at]}: ${tallyText(tally)}`];
    });
    return [`**${outcome}**`, ...counted].join("<br>");
  };
  const rows = (verdicts[0] ?? []).map(({ id }, i) => [
    QUESTIONS[id].question,
    ...verdicts.map((own) => cellOf(own[i]!)),
  ]);
  return markdownTable(["", ...all.map(placeOfResults)], rows);
}

/** `after 100 steps, 9 tasks`. */
function placeOfResults({ evaluations }: Results): string {
  const steps = unique(evaluations.map((record) => record.steps)).sort((a, b) => a - b);
  const tasks = unique(evaluations.map(({ task }) => task)).length;
  return `after ${listed(steps.map(String))} steps, ${tasks} task${tasks === 1 ? "" : "s"}`;
}

/** What the learned optimizers of results were meta-trained on, and how often. */
export function sourcesText({ metaTraining }: Results): string {
  const sources = bySource(metaTraining);
  return listed(
    sources.map(({ source, members: runs }) => {
      const seeds = unique(runs.map(({ method }) => method.metaSeed)).length;
      return `\`${source.join(", ")}\` (${plural(seeds, "meta-seed")})`;
    }),
  );
}

/** A place in the transfer matrix that is shown as a table of its own. */
export interface ChangesOf {
  readonly source: readonly string[];
  readonly steps: number;
  /** A metric, or `topEigenvalue`. */
  readonly measure: string;
}

/**
 * Tasks down: what the plain learned optimizer reaches and what each regularizer changes, bold where a test stands behind
 * it; of a metric also the hand-designed optimizer that tuning found best.
 */
export function changesTable(results: Results, { source, steps, measure }: ChangesOf): string {
  const labels = labelsOf(results);
  const cells = (results.transfer ?? []).filter(
    (cell) =>
      String(cell.method.source) === String(source) && cell.steps === steps && cell.measure === measure,
  );
  const judged = judgeOf(results.evaluations, results.metrics) === measure;
  const isRatio = labels.unit(measure) === "";
  // an interval over runs that fell apart reaches to factors of a million
  const points: Format = (value) =>
    isRatio && typeof value === "number" && value > 999 ? ">+999" : signed(fixed(isRatio ? 0 : 1))(value);
  const changeText = (cell: TransferCell | undefined): string => {
    const { mean, low, high } = cell?.change ?? {};
    if (cell === undefined || typeof mean !== "number") return MISSING;
    const text = points(100 * mean);
    const marked = isDecidedCell(cell, results.comparisons) ? `**${text}**` : text;
    return typeof low === "number" && typeof high === "number"
      ? `${marked} [${points(100 * low)}, ${points(100 * high)}]`
      : marked;
  };
  const regularizers = unique(cells.map(({ method }) => method.regularizer)).filter(
    (name) => name !== "none",
  );
  const rows = [...groupBy(cells, ({ task }) => task)].map(([task, own]) => [
    labels.task(task),
    intervalText(own.find(({ method }) => isPlain(method))?.value, labels.value(measure)),
    ...regularizers.map((name) => changeText(own.find(({ method }) => method.regularizer === name))),
    ...(judged ? [bestText(results, task, steps, measure)] : []),
  ]);
  return markdownTable(
    [
      "task",
      "plain",
      ...regularizers.map((name) => `with ${labels.regularizer(name)}`),
      ...(judged ? ["best hand-designed"] : []),
    ],
    rows,
  );
}

/** The hand-designed optimizer that tuning found best on meta-validation, and what it reached. */
function bestText(results: Results, task: string, steps: number, measure: string): string {
  const labels = labelsOf(results);
  const [best] = (results.tuning ?? [])
    .filter((record) => record.task === task && isHandDesigned(record.method))
    .flatMap(({ method, candidates, chosen }) => {
      const spec = chosen.find((choice) => choice.steps === steps)?.spec;
      const candidate = candidates.find((other) => other.spec === spec);
      return candidate === undefined ? [] : [{ method, loss: scoreOf(candidate, steps) }];
    })
    .sort((one, other) => one.loss - other.loss);
  const record = results.evaluations.find(
    (other) =>
      best !== undefined &&
      other.task === task &&
      other.steps === steps &&
      isSameMethod(other.method, best.method),
  );
  if (record === undefined) return MISSING;
  return `${labels.method(record.method)}: ${intervalText(record.summary.metrics[measure], labels.value(measure))}`;
}

/** The hand-designed optimizers, in words: `4: SGD and Adam, each alone and with explicit SAM`. */
export function handDesignedText(results: Results): string {
  const labels = labelsOf(results);
  const methods = (results.tuning ?? []).map(({ method }) => method).filter(isHandDesigned);
  const keys = new Set(methods.map(methodKey));
  const plain = unique(methods.map(({ optimizer }) => optimizer));
  const explicit = unique(methods.map(({ regularizer }) => regularizer)).filter((name) => name !== "none");
  const name = (optimizer: string, regularizer = "none") =>
    labels.method({ optimizer, regularizer } satisfies MethodId);
  if (explicit.length === 0 || keys.size !== plain.length * (1 + explicit.length)) {
    const names = unique(methods.map(({ optimizer, regularizer }) => name(optimizer, regularizer)));
    return `${names.length}: ${listed(names)}`;
  }
  return `${keys.size}: ${listed(plain.map((optimizer) => name(optimizer)))}, each alone and with explicit ${listed(explicit.map(labels.regularizer))}`;
}

/** Losses and metrics of every optimizer of a small evaluation. */
export function evaluationsTable(results: Results): string {
  const labels = labelsOf(results);
  const { evaluations, metrics } = results;
  return markdownTable(
    [
      "task",
      "optimizer",
      "steps",
      "seeds",
      "train loss",
      ...metrics.map(({ label, format }) => `test ${label}${format === "percent" ? ", %" : ""}`),
    ],
    evaluations.map(({ task, method, steps, summary }) => [
      labels.task(task),
      `\`${labels.method(method)}\``,
      steps,
      summary.seeds,
      intervalText(summary.trainLoss, significant),
      ...metrics.map(({ name }) => intervalText(summary.metrics[name], labels.value(name))),
    ]),
  );
}
