import "uplot/dist/uPlot.min.css";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { seriesStyle, theme } from "./theme.ts";

/** One line of a plot; `values` stand beside the plot's `x`, null where there is none. */
export interface PlotSeries {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Which of the series colours: the place among the optimizers or runs. */
  readonly place: number;
  /** Thin and pale: the raw line behind a smoothed one. */
  readonly faint?: boolean;
}

/** What a plot is drawn with besides its lines. */
export interface PlotOptions {
  readonly x: readonly number[];
  readonly series: readonly PlotSeries[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly height?: number;
  readonly xLog?: boolean;
  readonly yLog?: boolean;
  /** Plots of one group share their cursor. */
  readonly group?: string;
  readonly yRange?: readonly [min: number, max: number];
}

const FONT = "11px system-ui, sans-serif";

/** Lines over a common axis, by uPlot. New data are taken over without building the plot anew. */
export function Plot(props: PlotOptions & { readonly description: string }): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const colors = theme.value;
  // what needs a new plot; everything else is data
  const shape = JSON.stringify([
    props.series.map(({ label, place, faint }) => [label, place, faint]),
    props.xLabel,
    props.yLabel,
    props.xLog,
    props.yLog,
    props.height,
    props.group,
    props.yRange,
    colors.paper,
  ]);
  const data = dataOf(props);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = host.current!;
    const built = new uPlot(optionsOf(props, element.clientWidth), latest.current, element);
    plot.current = built;
    const observer = new ResizeObserver(() => {
      const width = element.clientWidth;
      if (width > 0 && width !== built.width) built.setSize({ width, height: built.height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      built.destroy();
      plot.current = undefined;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(latest.current);
  });

  return <div ref={host} class="plot" role="img" aria-label={props.description} />;
}

function dataOf({ x, series }: PlotOptions): uPlot.AlignedData {
  return [x as number[], ...series.map(({ values }) => values as (number | null)[])];
}

function optionsOf(props: PlotOptions, width: number): uPlot.Options {
  const { series, xLabel, yLabel, height = 180, xLog = false, yLog = false, group, yRange } = props;
  const colors = theme.value;
  const axis = (label: string): uPlot.Axis => ({
    label,
    labelSize: 16,
    labelFont: FONT,
    font: FONT,
    stroke: colors.muted,
    grid: { stroke: colors.rule, width: 1 },
    ticks: { stroke: colors.rule, width: 1, size: 4 },
  });
  return {
    width: Math.max(width, 120),
    height,
    legend: { show: false },
    cursor: { ...(group !== undefined && { sync: { key: group } }), drag: { x: true, y: false } },
    scales: {
      x: { time: false, distr: xLog ? 3 : 1 },
      y: { distr: yLog ? 3 : 1, ...(yRange && { range: [yRange[0], yRange[1]] as [number, number] }) },
    },
    axes: [
      { ...axis(xLabel), size: 26 },
      { ...axis(yLabel), size: 46 },
    ],
    series: [
      {},
      ...series.map(({ label, place, faint = false }): uPlot.Series => {
        const { color, dash } = seriesStyle(colors, place);
        return {
          label,
          stroke: faint ? `${color}40` : color,
          width: faint ? 1 : 1.8,
          dash: faint ? [] : dash,
          points: { show: false },
          spanGaps: true,
        };
      }),
    ],
  };
}
