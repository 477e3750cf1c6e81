import { dirname } from "node:path";
import { cardOf } from "../analysis/card.ts";
import { LowlandError } from "../errors.ts";
import { unique } from "../evaluation/group.ts";
import type { Results } from "../evaluation/results.ts";
import { sentenceOf } from "./catalogue.ts";
import { significant } from "./format.ts";
import { labelsOf } from "./labels.ts";
import { intervalText, markdownTable } from "./markdown.ts";

/** Results that a card takes its figures from, and where they are. */
export interface CardSource {
  readonly path: string;
  readonly results: Results;
}

/**
 * The sections “Figures” and “Limits” of the card of a learned optimizer, in Markdown.
 *
 * @param wanted its name or spec in the results
 * @param trained what it was meta-trained on, the longest inner training there, and whether it has a learning rate
 * @throws {LowlandError} E_DATA if there are results and none of them is of it
 */
export function cardSections(
  sources: readonly CardSource[],
  wanted: string,
  trained: { readonly tasks: readonly string[]; readonly steps: number; readonly learningRate?: boolean },
): string {
  const found = sources.map(({ path, results }) => {
    const labels = labelsOf(results);
    const card = cardOf(results, ({ method, spec }) => labels.method(method) === wanted || spec === wanted);
    // elsewhere what it does at the length it was made for says enough
    const shown = card.rows.filter(
      ({ task, steps }) => steps <= trained.steps || trained.tasks.includes(task),
    );
    const rows = shown.map(({ task, steps, seeds, trainLoss, measure, quality, topEigenvalue, best }) => [
      labels.task(task),
      steps,
      seeds,
      intervalText(trainLoss, significant),
      intervalText(quality, labels.value(measure)),
      intervalText(topEigenvalue, significant),
      best ? `${labels.method(best.method)}: ${intervalText(best.quality, labels.value(measure))}` : "—",
    ]);
    const judges = shown.map(
      ({ measure }) => `${labels.measure(measure).toLowerCase()}${labels.unit(measure) === "" ? "" : ", %"}`,
    );
    const limits = card.limits.map((limit) => sentenceOf(limit, labels));
    const names = results.evaluations.map(({ method }) => labels.method(method));
    return { path, results, rows, judges, limits, names, known: card.rows.length > 0 };
  });
  const rows = found.flatMap((each) => each.rows);
  if (sources.length > 0 && !found.some(({ known }) => known)) {
    const names = unique(found.flatMap((each) => each.names)).join(", ");
    throw new LowlandError(
      "E_DATA",
      `${sources.map(({ path }) => path).join(", ")} has no records of "${wanted}"; give --optimizer, one of ${names}`,
    );
  }
  const judge = unique(found.flatMap(({ judges }) => judges)).join(" or ");
  const figures = [
    "Mean over unseen seeds and 95 % interval, geometric for losses and eigenvalues; beside it the best hand-designed optimizer measured at the same place.",
    markdownTable(["task", "steps", "seeds", "train loss", judge, "λ_max", "best hand-designed"], rows),
    found.map(originOf).join(" "),
  ].join("\n\n");
  const on = trained.tasks.join(", ");
  const limits = [
    `Meta-trained on ${on} and runs of ${trained.steps} steps; other tasks and longer runs are extrapolation, so measure before you rely on it.`,
    trained.learningRate
      ? "Its learning rate is that of its meta-training: tune it in use (`+scale:by=2`), and let it fall (`+cosine`)."
      : "It has no learning rate to turn down: its steps do not shrink by a schedule.",
    ...found.flatMap((each) => each.limits),
  ];
  return [
    "## Figures",
    rows.length > 0 ? figures : "None recorded yet; the command above measures some.",
    "## Limits",
    limits.map((limit) => `- ${limit}`).join("\n"),
  ].join("\n\n");
}

/** What made the figures: a command, or an experiment that a directory of its own tells of. */
function originOf({ path, results }: CardSource): string {
  const { kind, command, version, kernelVariant } = results;
  const made =
    kind === "reproduce-paper"
      ? `From the paper's experiment, \`${dirname(path)}\``
      : `Made by \`${command}\``;
  return `${made} (Lowland ${version}, ${kernelVariant} kernels).`;
}
