import type { Box } from "./grid.ts";
import type { PlotOptions } from "./plot.tsx";
import { seriesStyle, theme } from "./theme.ts";
import type { Pen } from "./vector-context.ts";

/** Where one axis lies: values to places, and the values that get a mark. */
interface Axis {
  place(value: number): number;
  readonly ticks: readonly number[];
}

const MARGIN = { left: 64, right: 16, top: 28, bottom: 44 } as const;

/** A plot as a drawing, for files: axes, lines, and their names above. */
export function drawPlot(pen: Pen, plot: PlotOptions, { x, y, width, height }: Box): void {
  const colors = theme.value;
  const { series, xLabel, yLabel } = plot;
  const inner = {
    left: x + MARGIN.left,
    right: x + width - MARGIN.right,
    top: y + MARGIN.top,
    bottom: y + height - MARGIN.bottom,
  };
  const values = series.flatMap((line) => line.values.filter((value) => value !== null));
  const across = axisOf(plot.x, inner.left, inner.right, plot.xLog ?? false);
  const up = axisOf(plot.yRange ?? values, inner.bottom, inner.top, plot.yLog ?? false);
  pen.lineWidth = 1;
  pen.font = "12px sans-serif";
  pen.setLineDash([]);
  const line = (x1: number, y1: number, x2: number, y2: number): void => {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  };
  pen.strokeStyle = colors.rule;
  pen.fillStyle = colors.muted;
  pen.textAlign = "center";
  for (const tick of across.ticks) {
    line(across.place(tick), inner.top, across.place(tick), inner.bottom);
    pen.fillText(short(tick), across.place(tick), inner.bottom + 16);
  }
  pen.fillText(xLabel, (inner.left + inner.right) / 2, inner.bottom + 34);
  pen.textAlign = "right";
  for (const tick of up.ticks) {
    line(inner.left, up.place(tick), inner.right, up.place(tick));
    pen.fillText(short(tick), inner.left - 6, up.place(tick) + 4);
  }
  pen.textAlign = "start";
  let named = x + 8;
  for (const { label, place, faint } of series) {
    if (faint) continue;
    pen.fillStyle = seriesStyle(colors, place).color;
    pen.fillText(label, named, y + 16);
    named += 7 * label.length + 18;
  }
  pen.fillStyle = colors.muted;
  pen.textAlign = "end";
  pen.fillText(yLabel, inner.right, y + 16);
  for (const { values: heights, place, faint = false } of series) {
    const { color, dash } = seriesStyle(colors, place);
    pen.strokeStyle = faint ? `${color}40` : color;
    pen.lineWidth = faint ? 1 : 2;
    pen.setLineDash(faint ? [] : dash);
    pen.beginPath();
    let down = false;
    heights.forEach((value, i) => {
      if (value === null || (plot.yLog && !(value > 0))) return;
      const [px, py] = [across.place(plot.x[i]!), up.place(value)];
      if (down) pen.lineTo(px, py);
      else pen.moveTo(px, py);
      down = true;
    });
    pen.stroke();
  }
  pen.setLineDash([]);
}

function axisOf(values: readonly number[], from: number, to: number, log: boolean): Axis {
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  const scale = log ? Math.log10 : (value: number) => value;
  let [low, high] = [Math.min(...usable.map(scale)), Math.max(...usable.map(scale))];
  if (usable.length === 0) [low, high] = [0, 1];
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const step = log ? Math.max(1, Math.ceil((high - low) / 5)) : niceStep((high - low) / 5);
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) {
    ticks.push(log ? 10 ** tick : tick);
  }
  return { ticks, place: (value) => from + ((scale(value) - low) / (high - low)) * (to - from) };
}

/** The next of 1, 2, 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5].find((digit) => digit * power >= rough) ?? 10);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
