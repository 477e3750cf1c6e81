import "uplot/dist/uPlot.min.css";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { theme } from "./theme.ts";

/** The font of axes and their names. */
export const PLOT_FONT = "11px system-ui, sans-serif";

/** What a plot by uPlot needs. */
export interface UPlotOptions {
  /** What needs a new plot when it changes; everything else is data. */
  readonly shape: string;
  readonly options: (width: number) => uPlot.Options;
  readonly data: () => uPlot.AlignedData;
}

/** A plot that is as wide as its host: new data are taken over without building it anew. */
export function useUPlot({ shape, options, data }: UPlotOptions): {
  readonly host: RefObject<HTMLDivElement | null>;
  readonly plot: { readonly current: uPlot | undefined };
} {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  useEffect(() => {
    const element = host.current!;
    const built = new uPlot(options(element.clientWidth), data(), element);
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
    plot.current?.setData(data());
  });
  return { host, plot };
}

/** Looks of an axis. */
export function axisStyle(colors: (typeof theme)["value"]): uPlot.Axis {
  return {
    font: PLOT_FONT,
    stroke: colors.muted,
    grid: { stroke: colors.rule, width: 1 },
    ticks: { stroke: colors.rule, width: 1, size: 4 },
  };
}
