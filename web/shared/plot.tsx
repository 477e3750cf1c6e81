import type { JSX } from "preact";
import type uPlot from "uplot";
import { seriesStyle, theme } from "./theme.ts";
import { axisStyle, PLOT_FONT, useUPlot } from "./uplot.ts";

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

/** Lines over a common axis, by uPlot. New data are taken over without building the plot anew. */
export function Plot(props: PlotOptions & { readonly description: string }): JSX.Element {
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
  const { host } = useUPlot({
    shape,
    options: (width) => optionsOf(props, width),
    data: () => dataOf(props),
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
    ...axisStyle(colors),
    label,
    labelSize: 16,
    labelFont: PLOT_FONT,
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
