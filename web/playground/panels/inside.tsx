import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Canvas, type Draw } from "../../shared/canvas.tsx";
import { mix } from "../../shared/colors.ts";
import { Button, NumberField, Panel, Select } from "../../shared/controls.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { fillGrid } from "../../shared/grid.ts";
import { Plot, type PlotOptions } from "../../shared/plot.tsx";
import { theme } from "../../shared/theme.ts";
import { digits, percent, runName } from "../look.ts";
import type { Probe } from "../model/probe.ts";
import { change, opened, probed, state, tracks } from "../store.ts";
import { lines } from "./loss.tsx";
import { RuleCurve } from "./rule-curve.tsx";

const text = playground.inside;

/** One optimizer at work, seen from one coordinate: its answer to every gradient, its memory, what it reads. */
export function InsidePanel(): JSX.Element {
  const { inspect, coordinate, runs } = state.value;
  const probe = probed.value;
  const size = opened.value?.size ?? 1;
  const against = againstAdam();
  return (
    <Panel id="inside" title={text.title}>
      <div class="row">
        <Select
          label={text.run}
          name="inspect"
          value={String(inspect)}
          options={runs.map((run, i) => [String(i), runName(run)])}
          onChange={(value) => change({ inspect: Number(value) })}
        />
        <NumberField
          label={text.coordinate}
          name="coordinate"
          value={Math.min(coordinate, size - 1)}
          min={0}
          max={size - 1}
          step={1}
          onChange={(value) => change({ coordinate: value })}
        />
        <Button
          name="another"
          onClick={() => {
            // a stride without a common divisor reaches every coordinate of most sizes
            change({ coordinate: (coordinate + 61) % size });
          }}
        >
          {text.another}
        </Button>
      </div>
      {probe === undefined ? <p class="muted">{text.wait}</p> : <Opened probe={probe} place={inspect} />}
      <figure>
        <figcaption>
          {text.against}
          <DownloadButtons picture={() => ({ name: "step-size", plot: against })} />
        </figcaption>
        <Plot
          {...against}
          description={`${text.against}. ${runs
            .map((run, i) => `${runName(run)}: ${digits(tracks.value[i]?.measured.at(-1)?.againstAdam)}`)
            .join("; ")}`}
        />
      </figure>
    </Panel>
  );
}

function againstAdam(): PlotOptions {
  return {
    ...lines("againstAdam"),
    xLabel: playground.loss.x,
    yLabel: text.times,
    yLog: true,
    height: 150,
    group: "step",
  };
}

function Opened({ probe, place }: { probe: Probe; place: number }): JSX.Element {
  const { name, gradients, updates, gradient, update, memory, inputs } = probe;
  return (
    <>
      <figure>
        <figcaption>{text.curve}</figcaption>
        <p class="muted">{text.curveAbout(name)}</p>
        <RuleCurve
          gradients={gradients}
          updates={updates}
          at={[gradient, update]}
          place={place}
          description={text.describeCurve(name)}
          name="update-rule"
        />
      </figure>
      <div class="pair">
        <figure>
          <figcaption>{text.memory}</figcaption>
          {memory.length === 0 ? (
            <p class="muted">{text.noMemory}</p>
          ) : (
            <div class="memory">
              {memory.map(({ name: row, values }) => (
                <div key={row}>
                  <span>{row}</span>
                  {values.length === 1 ? (
                    <output>{digits(values[0])}</output>
                  ) : (
                    <Canvas
                      ratio={0.06}
                      draw={drawUnits(values)}
                      description={text.describeMemory(values.length)}
                    />
                  )}
                </div>
              ))}
            </div>
          )}
        </figure>
        <figure>
          <figcaption>{text.inputs}</figcaption>
          <p class="muted">{text.inputsAbout}</p>
          <dl class="inputs">
            {inputs.map(({ input, reads, share }) => (
              <div key={input} class={reads || share > 0 ? "" : "muted"}>
                <dt>{text.names[input]}</dt>
                <dd>
                  <meter value={Math.min(1, share)} aria-label={text.names[input]} />
                  {reads || share > 0 ? percent(share) : text.notRead}
                </dd>
              </div>
            ))}
          </dl>
        </figure>
      </div>
    </>
  );
}

/** Hidden units in a row: orange below 0, blue above, stronger with size. */
const drawUnits =
  (values: readonly number[]): Draw =>
  (pen, width, height) => {
    const { paper, series } = theme.value;
    const largest = Math.max(1, ...values.map(Math.abs));
    fillGrid(
      pen,
      { x: 0, y: 0, width, height },
      {
        columns: values.length,
        rows: 1,
        color(column) {
          const value = values[column]!;
          return mix(paper, series[value < 0 ? 1 : 0]!, Math.sqrt(Math.abs(value) / largest));
        },
      },
    );
  };
