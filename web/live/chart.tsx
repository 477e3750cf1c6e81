import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type uPlot from "uplot";
import { Swatch } from "../shared/legend.tsx";
import { seriesStyle, type theme } from "../shared/theme.ts";
import { axisStyle, PLOT_FONT, useUPlot } from "../shared/uplot.ts";
import type { Curve } from "./curves.ts";
import { numberText } from "./format.ts";

/** A curve with its name and which of the series colours it has. */
export interface NamedCurve extends Curve {
  readonly label: string;
  readonly place: number;
}

export interface ChartOptions {
  readonly curves: readonly NamedCurve[];
  readonly xLabel: string;
  readonly xLog: boolean;
  readonly yLog: boolean;
  /** Part of the x-axis that is shown. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly colors: (typeof theme)["value"];
  readonly onZoom: (from: number | undefined, to: number | undefined) => void;
}

/** Charts with this key share their cursor. */
const SYNC = "runs";
const HEIGHT = 220;

/** Lines with bands over steps or seconds; dragging zooms, arrow keys move the cursor, Escape shows the whole axis. */
export function Chart({
  description,
  ...options
}: ChartOptions & { readonly description: string }): JSX.Element {
  const readout = useRef<HTMLUListElement>(null);
  const latest = useRef(options);
  latest.current = options;
  const { curves, xLog, yLog, from, to, colors, xLabel } = options;
  // what needs a new plot; everything else is data
  const shape = JSON.stringify([
    curves.map(({ place, low }) => [place, low !== undefined]),
    xLabel,
    xLog,
    yLog,
    from,
    to,
    colors.paper,
  ]);

  const say = (chart: uPlot): void => tell(chart, latest.current.curves, readout.current!);
  const { host, plot } = useUPlot({
    shape,
    options: (width) => optionsOf(latest.current, width, say),
    data: () => dataOf(latest.current),
  });

  const move = (event: KeyboardEvent): void => {
    const chart = plot.current!;
    const length = chart.data[0].length;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (event.key === "Escape") options.onZoom(undefined, undefined);
    else if (step === undefined || length === 0) return;
    else {
      const next = Math.min(length - 1, Math.max(0, (chart.cursor.idx ?? length) + step));
      const left = chart.valToPos(chart.data[0][next]!, "x");
      chart.setCursor({ left, top: chart.bbox.height / devicePixelRatio / 2 }, true);
    }
    event.preventDefault();
  };
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: a figure that takes keys, as the label says */}
      <div
        ref={host}
        class="plot"
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the cursor
        tabIndex={0}
        aria-label={description}
        onKeyDown={move}
      />
      <ul class="readout" ref={readout} aria-live="off">
        {curves.map(({ label, place }) => (
          <li key={place} title={label}>
            <Swatch place={place} /> <output />
          </li>
        ))}
      </ul>
    </>
  );
}

/** All curves over the x of any, each as: low, high, before smoothing, smoothed. */
function dataOf({ curves, yLog }: ChartOptions): uPlot.AlignedData {
  const x = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const place = new Map(x.map((value, i) => [value, i]));
  const spread = (curve: Curve, values: readonly number[] | undefined): (number | null)[] => {
    const column: (number | null)[] = new Array(x.length).fill(null);
    curve.x.forEach((value, i) => {
      const y = values?.[i];
      // what has no place on a logarithmic axis is left out
      if (y !== undefined && (!yLog || y > 0)) column[place.get(value)!] = y;
    });
    return column;
  };
  return [
    x,
    ...curves.flatMap((curve) =>
      [curve.low, curve.high, curve.raw, curve.smooth].map((values) => spread(curve, values)),
    ),
  ];
}

function optionsOf(options: ChartOptions, width: number, say: (chart: uPlot) => void): uPlot.Options {
  const { curves, xLabel, xLog, yLog, from, to, colors, onZoom } = options;
  const axis = axisStyle(colors);
  const zoomed = from !== undefined || to !== undefined;
  return {
    width: Math.max(width, 120),
    height: HEIGHT,
    legend: { show: false },
    cursor: { sync: { key: SYNC, setSeries: false }, drag: { x: true, y: false, setScale: false } },
    scales: {
      x: {
        time: false,
        distr: xLog ? 3 : 1,
        ...(zoomed && { range: (_, low, high) => [from ?? low, to ?? high] }),
      },
      y: { distr: yLog ? 3 : 1 },
    },
    axes: [
      { ...axis, label: xLabel, labelSize: 16, labelFont: PLOT_FONT, size: 28 },
      {
        ...axis,
        size: 56,
        values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : numberText(tick))),
      },
    ],
    series: [{}, ...curves.flatMap(({ place }) => linesOf(colors, place))],
    bands: curves.flatMap(({ place, low }, i) =>
      low === undefined
        ? []
        : [
            {
              series: [4 * i + 2, 4 * i + 1] as [number, number],
              fill: `${seriesStyle(colors, place).color}26`,
            },
          ],
    ),
    hooks: {
      setCursor: [say],
      setData: [say],
      setSelect: [
        (chart) => {
          const { left, width: selected } = chart.select;
          if (selected < 4) return;
          const [start, end] = [chart.posToVal(left, "x"), chart.posToVal(left + selected, "x")];
          chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onZoom(Number(start.toPrecision(6)), Number(end.toPrecision(6)));
        },
      ],
    },
  };
}

/** Ends of the band, the line before smoothing, the line. */
function linesOf(colors: ChartOptions["colors"], place: number): uPlot.Series[] {
  const { color, dash } = seriesStyle(colors, place);
  const common = { spanGaps: true, points: { show: false } };
  const edge = { ...common, stroke: "transparent", width: 0 };
  return [
    edge,
    edge,
    { ...common, stroke: `${color}55`, width: 1 },
    {
      ...common,
      stroke: color,
      dash,
      width: 1.8,
      // a line of a single point would not be seen
      points: {
        show: (chart, i) => Array.from(chart.data[i]!).filter((value) => value !== null).length === 1,
        fill: color,
      },
    },
  ];
}

/** Writes the values at the cursor, or the last ones, beside the curves' colours. */
function tell(chart: uPlot, curves: readonly NamedCurve[], list: HTMLElement): void {
  const at = chart.cursor.idx;
  const outputs = list.querySelectorAll("output");
  curves.forEach((_, i) => {
    const column = chart.data[4 * i + 4] as (number | null)[] | undefined;
    const output = outputs[i];
    if (column === undefined || output === undefined) return;
    let place = at ?? column.length - 1;
    while (place >= 0 && (column[place] ?? null) === null) place--;
    output.textContent = numberText(column[place] ?? undefined);
  });
}
