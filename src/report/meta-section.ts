import { bySource, methodKey } from "../evaluation/method-id.ts";
import type { Measured, MetaTrainingRecord } from "../evaluation/results.ts";
import { choicesBody } from "./choices.ts";
import { figure, type Point, type Series } from "./figures.ts";
import { type Html, html } from "./html.ts";
import { type Drawn, how, type Section } from "./section.ts";
import { seriesWithin } from "./series.ts";
import { metaTrainingTable } from "./tables.ts";

/** How the learned optimizers were meta-trained. */
export function metaTrainingSection({ results, labels, series }: Drawn): Section | undefined {
  const { metaTraining } = results;
  if (metaTraining.length === 0) return undefined;
  const sources = bySource(metaTraining);
  const figures =
    sources.length === 1 && metaTraining.length <= 4
      ? figuresOf(
          metaTraining,
          metaTraining.map(({ method }) => series.get(methodKey(method))!),
          "",
        )
      : sources.flatMap(({ source, members: runs }) =>
          figuresOf(runs, seriesWithin(runs, series, labels), `, ${labels.source(source)}`),
        );
  const body = html`${how(
    "A learned optimizer is itself trained: each outer step lets it train a task for a while and changes its weights so that the losses met on the way get smaller. A regularizer in the meta-objective replaces that loss by a sharpness-aware one, which is larger by construction: meta-losses with different regularizers are not on one scale, while meta-validation losses are.",
  )}
<div class="figures">${figures}</div>
${metaTrainingTable(metaTraining, labels)}`;
  return { id: "meta-training", title: "Meta-training", body };
}

/** How settings were chosen. */
export function choicesSection({ results, labels }: Drawn): Section | undefined {
  const choices = choicesBody(results, labels);
  if (choices === undefined) return undefined;
  const body = html`${how(
    "An optimizer is as good as its settings. All were chosen by the loss on meta-validation, a tenth of the training data that neither training nor the final numbers read, and every hand-designed optimizer had as many settings to choose from as any other.",
  )}
${choices}`;
  return { id: "choices", title: "How settings were chosen", body };
}

function figuresOf(runs: readonly MetaTrainingRecord[], names: readonly Series[], where: string): Html[] {
  const curve = <P extends { readonly outerStep: number }>(
    points: readonly P[],
    read: (point: P) => Measured,
  ): Point[] =>
    points.flatMap((point) => {
      const y = read(point);
      return y === null ? [] : [{ x: point.outerStep, y }];
    });
  return [
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
}
