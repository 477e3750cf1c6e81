import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Panel } from "../../shared/controls.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { Legend } from "../../shared/legend.tsx";
import { Plot, type PlotOptions } from "../../shared/plot.tsx";
import { digits, runName } from "../look.ts";
import { RADII } from "../model/radii.ts";
import { state, tracks } from "../store.ts";

const text = playground.sharpness;

/** Top eigenvalue as it develops, and the rise of the loss within radii at present. */
export function SharpnessPanel(): JSX.Element {
  const runs = tracks.value;
  const names = state.value.runs.map(runName);
  const steps = [...new Set(runs.flatMap(({ sharpness }) => sharpness.map(({ step }) => step)))].sort(
    (a, b) => a - b,
  );
  const eigenvalue: PlotOptions = {
    x: steps,
    series: runs.map(({ sharpness }, place) => {
      const at = new Map(sharpness.map((view) => [view.step, view.topEigenvalue]));
      return { label: names[place] ?? "", place, values: steps.map((step) => at.get(step) ?? null) };
    }),
    xLabel: playground.loss.x,
    yLabel: "λ",
    height: 160,
    group: "step",
  };
  const gap: PlotOptions = {
    x: RADII,
    series: runs.map(({ sharpness }, place) => ({
      label: names[place] ?? "",
      place,
      values: RADII.map((_, i) => {
        const rise = sharpness.at(-1)?.gaps[i]?.gap;
        return rise !== undefined && rise > 0 ? rise : null;
      }),
    })),
    xLabel: text.radius,
    yLabel: text.rise,
    height: 160,
    xLog: true,
    yLog: true,
  };
  const now = runs.map(({ sharpness }) => digits(sharpness.at(-1)?.topEigenvalue));
  const figures = names.map((name, i) => `${name}: ${now[i] ?? "–"}`).join("; ");
  return (
    <Panel id="sharpness" title={text.title}>
      <p class="muted">{text.about}</p>
      <div class="pair">
        <figure>
          <figcaption>
            {text.eigenvalue}
            <DownloadButtons picture={() => ({ name: "eigenvalue", plot: eigenvalue })} />
          </figcaption>
          <Plot {...eigenvalue} description={text.describe(text.eigenvalue, figures)} />
        </figure>
        <figure>
          <figcaption>
            {text.gap}
            <DownloadButtons picture={() => ({ name: "gap", plot: gap })} />
          </figcaption>
          <Plot {...gap} description={text.describe(text.gap, "")} />
        </figure>
      </div>
      <Legend entries={names.map((label, place) => ({ label, place, value: `λ ${now[place] ?? "–"}` }))} />
    </Panel>
  );
}
