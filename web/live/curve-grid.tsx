import type { JSX } from "preact";
import { live } from "../catalogue/live.ts";
import { shared } from "../catalogue/shared.ts";
import { Button, Panel, Select } from "../shared/controls.tsx";
import { Legend } from "../shared/legend.tsx";
import { save } from "../shared/save.ts";
import { theme } from "../shared/theme.ts";
import { Chart, type ChartOptions, type NamedCurve } from "./chart.tsx";
import { curveOf } from "./curves.ts";
import { csvOf, svgOf } from "./export.ts";
import type { Group } from "./groups.ts";
import { choices, choose } from "./state.ts";
import { drawn, metrics, series, seriesKey } from "./store.ts";

/** Curves of one chart: more cannot be told apart. */
const MOST_CURVES = 24;

/** The colour that each group that is shown has. */
export function placesOf(groups: readonly Group[]): Map<string, number> {
  return new Map(groups.slice(0, MOST_CURVES).map(({ key }, i) => [key, i]));
}

/** The chosen metrics, each a chart, with what applies to all of them. */
export function CurveGrid({ places }: { places: ReadonlyMap<string, number> }): JSX.Element {
  const groups = drawn.value.filter(({ key }) => places.has(key));
  const more = drawn.value.length - groups.length;
  return (
    <section aria-labelledby="curves-title">
      <h2 id="curves-title" class="visually-hidden">
        {live.charts}
      </h2>
      <CurveControls />
      <Legend entries={groups.map(({ key, label }) => ({ label, place: places.get(key)! }))} />
      {more > 0 && <p class="muted">{live.notDrawn(more)}</p>}
      <div class="charts">
        {choices.value.charts.map((metric, i) => (
          <MetricChart key={metric} metric={metric} groups={groups} places={places} first={i === 0} />
        ))}
      </div>
      <p class="muted">{live.band}</p>
    </section>
  );
}

function CurveControls(): JSX.Element {
  const { x, xScale, yScale, smoothing, from, to, charts } = choices.value;
  const others = metrics.value.filter((name) => !charts.includes(name));
  return (
    <div class="row">
      <Select
        label={live.x}
        name="x"
        value={x}
        options={[
          ["step", live.xAxis.step],
          ["time", live.xAxis.time],
        ]}
        onChange={(value) => choose({ x: value, from: undefined, to: undefined })}
      />
      <Button
        name="xlog"
        pressed={xScale === "log"}
        onClick={() => choose({ xScale: xScale === "log" ? "linear" : "log" })}
      >
        {live.xLog}
      </Button>
      <Button
        name="ylog"
        pressed={yScale === "log"}
        onClick={() => choose({ yScale: yScale === "log" ? "linear" : "log" })}
      >
        {live.yLog}
      </Button>
      <label class="field">
        {live.smoothing}
        <input
          type="range"
          name="smoothing"
          min="0"
          max="0.99"
          step="0.01"
          value={smoothing}
          aria-valuetext={String(smoothing)}
          onInput={(event) => choose({ smoothing: Number(event.currentTarget.value) })}
        />
      </label>
      {others.length > 0 && (
        <Select
          label={live.addChart}
          name="add"
          value=""
          options={[["", live.addChartNone], ...others.map((name) => [name, live.metric(name)] as const)]}
          onChange={(name) => {
            if (name !== "") choose({ charts: [...charts, name] });
          }}
        />
      )}
      {(from !== undefined || to !== undefined) && (
        <Button name="whole" onClick={() => choose({ from: undefined, to: undefined })}>
          {live.resetZoom}
        </Button>
      )}
    </div>
  );
}

function MetricChart({
  metric,
  groups,
  places,
  first,
}: {
  metric: string;
  groups: readonly Group[];
  places: ReadonlyMap<string, number>;
  first: boolean;
}): JSX.Element {
  const { x, xScale, yScale, smoothing, from, to, charts } = choices.value;
  const title = live.metric(metric);
  const curves = groups.flatMap(({ key, label, runs }): NamedCurve[] => {
    const own = runs.flatMap(({ id }) => series.value.get(seriesKey(id, metric)) ?? []);
    const curve = curveOf(own, smoothing);
    return curve === undefined ? [] : [{ ...curve, label, place: places.get(key)! }];
  });
  const options: ChartOptions = {
    curves,
    xLabel: live.xAxis[x],
    xLog: xScale === "log",
    yLog: yScale === "log",
    from,
    to,
    colors: theme.value,
    onZoom: (start, end) => choose({ from: start, to: end }),
  };
  return (
    <Panel
      id={`chart-${metric}`}
      title={title}
      actions={
        <>
          {!first && (
            <Button
              kind="plain"
              name="pin"
              hint={live.pin(title)}
              onClick={() => choose({ charts: [metric, ...charts.filter((name) => name !== metric)] })}
            >
              ⇤
            </Button>
          )}
          <Button
            kind="plain"
            name="csv"
            hint={shared.download("CSV")}
            onClick={() =>
              save(`${metric}.csv`, new Blob([csvOf(curves, options.xLabel)], { type: "text/csv" }))
            }
          >
            CSV
          </Button>
          <Button
            kind="plain"
            name="svg"
            hint={shared.download("SVG")}
            onClick={() =>
              save(`${metric}.svg`, new Blob([svgOf(title, options)], { type: "image/svg+xml" }))
            }
          >
            SVG
          </Button>
          <Button
            kind="plain"
            name="remove"
            hint={live.removeChart(title)}
            onClick={() => choose({ charts: charts.filter((name) => name !== metric) })}
          >
            ×
          </Button>
        </>
      }
    >
      {curves.length === 0 ? (
        <p class="muted">{live.noData}</p>
      ) : (
        <Chart {...options} description={live.chartOf(title, curves.length)} />
      )}
    </Panel>
  );
}
