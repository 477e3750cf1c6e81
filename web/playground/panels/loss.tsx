import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Button, Panel, Select } from "../../shared/controls.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { Legend } from "../../shared/legend.tsx";
import { Plot, type PlotOptions } from "../../shared/plot.tsx";
import { digits, percent, runName } from "../look.ts";
import type { Measured } from "../model/session.ts";
import { state, tracks } from "../store.ts";

const text = playground.loss;
const METRICS = ["testLoss", "trainLoss", "testAccuracy", "trainAccuracy"] as const;
type MetricName = (typeof METRICS)[number];

/** Training and test loss and accuracy, by step. */
export function LossPanel(): JSX.Element {
  const metric = useSignal<MetricName>("testLoss");
  const log = useSignal(true);
  const runs = tracks.value;
  const accuracy = metric.value.endsWith("Accuracy");
  const format = accuracy ? percent : (value: number | undefined) => digits(value);
  const known = METRICS.filter((name) => runs[0]?.measured[0]?.[name] !== undefined);
  const shown = known.includes(metric.value) ? metric.value : "testLoss";
  const plot: PlotOptions = {
    ...lines(shown),
    xLabel: text.x,
    yLabel: text.metrics[shown],
    yLog: log.value && !accuracy,
    group: "step",
  };
  const last = (i: number): string => format(runs[i]?.measured.at(-1)?.[shown]);
  return (
    <Panel
      id="loss"
      title={text.title}
      actions={<DownloadButtons picture={() => ({ name: "loss", plot })} />}
    >
      <div class="row">
        <Select
          label={text.show}
          name="metric"
          value={shown}
          options={known.map((name) => [name, text.metrics[name]])}
          onChange={(value) => {
            metric.value = value;
          }}
        />
        <Button
          name="log"
          pressed={log.value && !accuracy}
          disabled={accuracy}
          onClick={() => {
            log.value = !log.value;
          }}
        >
          {text.log}
        </Button>
      </div>
      <Plot
        {...plot}
        description={text.describe(
          text.metrics[shown],
          state.value.runs.map((run, i) => `${runName(run)}: ${last(i)}`).join("; "),
        )}
      />
      <Legend
        entries={state.value.runs.map((run, i) => ({ label: runName(run), place: i, value: last(i) }))}
      />
    </Panel>
  );
}

/** One number of every measurement of the runs, over the steps of all. */
export function lines(name: keyof Measured): Pick<PlotOptions, "x" | "series"> {
  const runs = tracks.value;
  const longest = runs.reduce<readonly Measured[]>(
    (most, { measured }) => (measured.length > most.length ? measured : most),
    [],
  );
  return {
    x: longest.map(({ step }) => step),
    series: runs.map(({ measured }, place) => ({
      label: runName(state.value.runs[place] ?? ""),
      place,
      values: longest.map((_, i) => finite(measured[i]?.[name])),
    })),
  };
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}
