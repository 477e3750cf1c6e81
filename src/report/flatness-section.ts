import { convergenceOf } from "../analysis/findings.ts";
import { BALL_MEASURES } from "../analysis/measures.ts";
import { methodKey } from "../evaluation/method-id.ts";
import type { RadiusMeasure, SharpnessRecord } from "../evaluation/results.ts";
import { sentenceOf } from "./catalogue.ts";
import { figure, legend } from "./figures.ts";
import { equalLossBlock, landscapeBlocks, spectrumBlocks } from "./flatness.ts";
import { type Html, html } from "./html.ts";
import { block, type Drawn, folded, groupsOf, how, MOST_OPEN, type Section } from "./section.ts";
import { shownNote } from "./series.ts";
import { placeOf, pointTable, radiusTable } from "./tables.ts";
import { measureWords } from "./words.ts";

/** Sharpness at the points reached: by radius, spectrum, landscape, at equal training loss. */
export function flatnessSection(drawn: Drawn): Section | undefined {
  const { few, results, labels, series } = drawn;
  const { sharpness } = few;
  if (sharpness.length === 0) return undefined;
  const groups = groupsOf(sharpness);
  const blocks = groups.map((records) => {
    const heading = placeOf(records[0]!.task, records[0]!.steps, labels);
    const figures = BALL_MEASURES.map((measure) => radiusFigure(records, measure, drawn));
    return block(
      `By radius: ${heading}`,
      html`${legend(records.map(({ method }) => series.get(methodKey(method))!))}
<div class="figures">${figures.filter((each) => each !== undefined)}</div>
${radiusTable(records, heading, labels)}`,
      groups.length,
    );
  });
  const notes = convergenceOf([...results.sharpness, ...(results.sharpnessAtLoss ?? [])]);
  const body = html`${how(
    "A flat minimum is one whose neighbourhood is as low as itself. Around each point reached, projected gradient ascent looks for the highest loss and the largest gradient within a distance ρ. The surrogate gap is that highest loss minus the loss at the point; the one-step gap follows the gradient alone. The top eigenvalue λ of the Hessian is the strongest curvature.",
    "Equal steps can mislead. All optimizers are measured after the same number of steps, not at the same training loss: one that has trained less, or stands where the gradient is small, can look flatter without having found flatter ground. Compare loss and gradient norm first. At small ρ the surrogate gap is almost only ρ‖g‖; the curvature gap, surrogate gap − ρ‖g‖, is the part that is curvature.",
  )}
${notes.map((note) => html`<p>${sentenceOf(note, labels)}</p>\n`)}${shownNote(results.sharpness, sharpness, labels)}
${sharpnessTables(drawn)}
${landscapeBlocks(sharpness, series, labels)}
${blocks}`;
  return { id: "flatness", title: "Flatness", body };
}

/** Tables over all optimizers, folded where they are long. */
function sharpnessTables({ results, labels }: Drawn): Html {
  const { sharpness, sharpnessAtLoss = [] } = results;
  const groups = groupsOf(sharpness);
  const equal = equalLossBlock(sharpnessAtLoss, sharpness, labels);
  const spectra = spectrumBlocks(sharpness, sharpnessAtLoss, labels);
  if (groups.length <= MOST_OPEN)
    return html`${pointTable(sharpness, labels)}
${equal}
${spectra}`;
  return html`${groups.map((records) =>
    folded(
      `At the point reached: ${placeOf(records[0]!.task, records[0]!.steps, labels)}`,
      pointTable(records, labels),
    ),
  )}
${equal === "" ? "" : folded("At equal training loss, beside equal steps", html`${equal}`)}
${spectra.length === 0 ? "" : folded("Hessian spectrum and trace", html`${spectra}`)}`;
}

function radiusFigure(
  records: readonly SharpnessRecord[],
  measure: RadiusMeasure,
  { labels, series }: Drawn,
): Html | undefined {
  return figure({
    title: labels.measure(measure),
    note: measureWords(measure)?.note ?? "",
    xLabel: "Radius ρ",
    lines: records.map(({ method, summary }) => ({
      series: series.get(methodKey(method))!,
      points: summary.radii.flatMap(({ radius, [measure]: { mean, low, high } }) =>
        mean === null ? [] : [{ x: radius, y: mean, low: low ?? undefined, high: high ?? undefined }],
      ),
    })),
    kind: "points",
  });
}
