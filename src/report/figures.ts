import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { mean, unique } from "../evaluation/group.ts";
import { significant } from "./format.ts";
import { type Html, html, raw } from "./html.ts";

/** How one optimizer looks in every figure of the page. */
export interface Series {
  readonly name: string;
  /** What the end of its line says, if not the name. */
  readonly short?: string;
  /** A CSS colour, usually a variable of the theme. */
  readonly color: string;
  /** `stroke-dasharray`; solid if absent. */
  readonly dash?: string;
}

/** `low` and `high` draw the spread around `y`. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface Line {
  readonly series: Series;
  readonly points: readonly Point[];
  /** An x whose point gets a ring, such as the checkpoint that was kept. */
  readonly ring?: number;
}

export interface FigureOptions {
  readonly title: string;
  /** Below the title: what the axes and the spread show. */
  readonly note: string;
  readonly xLabel: string;
  readonly lines: readonly Line[];
  /** `points` draws dots with interval bars on a logarithmic x; `curve` a line with a band on a linear one. */
  readonly kind: "curve" | "points";
  /** y is a share in [0, 1], shown in percent. */
  readonly share?: boolean;
  /** y is a change: its axis is linear, and 0 is on it and drawn dark. */
  readonly change?: boolean;
}

// Drawn for a phone: at 358 CSS pixels the labels are still over ten, and on a desktop about fourteen.
const WIDTH = 440;
const HEIGHT = 300;
const FONT_SIZE = 13;
const MARGIN_TOP = 14;
const MARGIN_BOTTOM = 42;
const LABEL_GAP = 15;
const LABEL_LENGTH = 17;
const MOST_POINTS = 240;

/** A figure with its caption, as inline SVG; nothing at all if no line has a point. */
export function figure(options: FigureOptions): Html | undefined {
  const lines = options.lines
    .map((line) => ({ ...line, points: thin(line.points.filter((point) => Number.isFinite(point.y))) }))
    .filter((line) => line.points.length > 0);
  if (lines.length === 0) return undefined;
  return html`<figure>
<figcaption><b>${options.title}</b><span>${options.note}</span></figcaption>
${raw(drawing({ ...options, lines }))}
</figure>`;
}

/** A line sample for each series: dash and colour beside the full name. */
export function legend(series: readonly Series[]): Html {
  return html`<ul class="legend">${series.map(
    ({ name, color, dash }) =>
      html`<li><svg width="30" height="10" viewBox="0 0 30 10" aria-hidden="true"><line x1="1" x2="29" y1="5" y2="5" stroke="${color}" stroke-width="2.4"${
        dash === undefined ? "" : html` stroke-dasharray="${dash}"`
      }/></svg>${name}</li>`,
  )}</ul>`;
}

/** Averages runs of neighbouring points so that a long curve stays a small picture. */
export function thin(points: readonly Point[], most: number = MOST_POINTS): readonly Point[] {
  if (points.length <= most) return points;
  const run = Math.ceil(points.length / most);
  const thinned: Point[] = [];
  for (let start = 0; start < points.length; start += run) {
    const part = points.slice(start, start + run);
    const over = (read: (point: Point) => number | undefined) => {
      const values = part.map(read).filter((value) => value !== undefined);
      return values.length === 0 ? undefined : mean(values);
    };
    thinned.push({
      x: start === 0 ? part[0]!.x : part.at(-1)!.x,
      y: over((point) => point.y)!,
      low: over((point) => point.low),
      high: over((point) => point.high),
    });
  }
  return thinned;
}

/** 1–2–5 ticks inside [low, high], thinned to whole decades where there are many. */
export function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const steps = decades > 3 ? [1] : decades > 0.75 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  const ticks: number[] = [];
  const stride = Math.max(1, Math.ceil(decades / 6));
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += stride) {
    for (const step of steps) {
      const tick = Number(`${step}e${power}`);
      if (tick >= low && tick <= high) ticks.push(tick);
    }
  }
  return ticks;
}

/** Label positions moved apart to at least `gap`, keeping their order and as near as may be to where they were. */
export function spreadLabels(positions: readonly number[], gap: number, bounds: [number, number]): number[] {
  const order = positions.map((_, i) => i).sort((a, b) => positions[a]! - positions[b]!);
  const placed = positions.map((position) => Math.min(bounds[1], Math.max(bounds[0], position)));
  let previous = Number.NEGATIVE_INFINITY;
  for (const i of order) {
    placed[i] = Math.max(placed[i]!, previous + gap);
    previous = placed[i]!;
  }
  let limit = bounds[1];
  for (const i of order.reverse()) {
    placed[i] = Math.min(placed[i]!, limit);
    limit = placed[i]! - gap;
  }
  return placed;
}

function drawing(options: FigureOptions): string {
  const { kind, share = false, change = false } = options;
  const lines = share ? fromUseful(options.lines) : options.lines;
  const values = lines.flatMap((line) =>
    line.points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
  );
  if (change) values.push(0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const logarithmic = !share && !change && low > 0 && high / low > 5;
  const xs = options.lines.flatMap((line) => line.points.map((point) => point.x));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const yTicks = (logarithmic ? logTicks(low, high) : linearTicks(low, high)).filter(
    (y) => !share || y <= high,
  );
  const xTicks =
    kind === "points" ? unique(xs) : linearTicks(left, right).filter((x) => x >= left && x <= right);
  const yText = share ? (y: number) => `${Number((y * 100).toFixed(1))} %` : axisNumber;
  const longest = Math.max(...lines.map((line) => endLabel(line.series).length));
  const shifts = lines.map((_, i) => (i - (lines.length - 1) / 2) * 3);
  const labelShift = kind === "points" ? shifts.at(-1)! : 0;
  const bottom = logarithmic ? low : Math.min(low, yTicks[0]!);
  const top = logarithmic || share ? high : Math.max(high, yTicks.at(-1)!);
  const plot = (extra: Plot.Markish[]) =>
    Plot.plot({
      document: parseHTML("<!doctype html><html></html>").document,
      className: "plot",
      width: WIDTH,
      height: HEIGHT,
      marginTop: MARGIN_TOP,
      marginLeft: 52,
      marginBottom: MARGIN_BOTTOM,
      marginRight: 12 + longest * 9 + labelShift,
      x: { type: kind === "points" ? "log" : "linear", axis: null, domain: widened(left, right) },
      y: { type: logarithmic ? "log" : "linear", axis: null, domain: widened(bottom, top) },
      marks: [
        Plot.gridY(yTicks, { stroke: "currentColor", strokeOpacity: 0.18 }),
        ...(change ? [Plot.ruleY([0], { stroke: "currentColor", strokeOpacity: 0.7 })] : []),
        // Texts are given as a channel: on a logarithmic scale Plot would leave some of the labels out.
        Plot.axisY(yTicks, { text: yText, tickSize: 0, label: null }),
        Plot.axisX(xTicks, {
          text: axisNumber,
          tickSize: 4,
          label: options.xLabel,
          labelAnchor: "center",
          labelArrow: "none",
        }),
        ...lines.flatMap((line, i) => marksOf(line, kind, shifts[i]!)),
        ...extra,
      ],
    }) as unknown as PlotElement;

  const y = plot([]).scale("y")!;
  const ends = lines.map((line) => line.points.at(-1)!);
  const wanted = ends.map((end) => y.apply(end.y));
  const placed = spreadLabels(wanted, LABEL_GAP, [MARGIN_TOP, HEIGHT - MARGIN_BOTTOM - 4]);
  const labels = lines.map(({ series }, i) =>
    Plot.text([endLabel(series)], {
      x: [right],
      y: [ends[i]!.y],
      dx: 9 + labelShift,
      dy: placed[i]! - wanted[i]!,
      textAnchor: "start",
      fill: series.color,
      fontWeight: 600,
    }),
  );
  const { title, note } = options;
  return serialized(plot(labels), `${title}. ${note} Lines: ${lines.map(lastValue).join("; ")}.`);
}

/** Shares more than this below the lowest end are left out: differences that matter are a tenth of it. */
const CLIMB = 0.15;

function fromUseful(lines: readonly Line[]): readonly Line[] {
  const floor = Math.min(...lines.map((line) => line.points.at(-1)!.y)) - CLIMB;
  return lines.map((line) => ({
    ...line,
    points: line.points
      .filter((point) => point.y >= floor)
      .map((point) => (point.low === undefined ? point : { ...point, low: Math.max(point.low, floor) })),
  }));
}

/** A domain of at least some width around a single value. */
function widened(low: number, high: number): [number, number] {
  if (low < high) return [low, high];
  return low === 0 ? [-1, 1] : [low - Math.abs(low) / 10, high + Math.abs(high) / 10];
}

/** Four to seven round ticks from at or below `low` to at or above `high`. */
export function linearTicks(low: number, high: number): number[] {
  const [from, to] = widened(low, high);
  const rough = (to - from) / 5;
  const power = Math.floor(Math.log10(rough));
  const scaled = rough / 10 ** power;
  const multiple = scaled > 5 ? 10 : scaled > 2.5 ? 5 : scaled > 2 ? 2.5 : scaled > 1 ? 2 : 1;
  const first = Math.floor(from / 10 ** power / multiple + 1e-9);
  const last = Math.ceil(to / 10 ** power / multiple - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(`${Number(((first + i) * multiple).toFixed(6))}e${power}`),
  );
}

interface PlotElement extends SVGSVGElement {
  scale(name: string): { apply(value: number): number } | undefined;
}

function marksOf({ series, points, ring }: Line, kind: "curve" | "points", shift: number): Plot.Markish[] {
  const { color, dash } = series;
  const spread = points.filter((point) => point.low !== undefined && point.high !== undefined);
  const stroke = { x: "x", y: "y", stroke: color, strokeWidth: 2, ...(dash && { strokeDasharray: dash }) };
  const ringed = points.filter((point) => point.x === ring);
  if (kind === "points") {
    return [
      Plot.ruleX(spread, { x: "x", y1: "low", y2: "high", stroke: color, strokeWidth: 1.4, dx: shift }),
      Plot.line(points, { ...stroke, dx: shift }),
      Plot.dot(points, { x: "x", y: "y", fill: color, r: 3.4, dx: shift }),
    ];
  }
  return [
    Plot.areaY(spread, { x: "x", y1: "low", y2: "high", fill: color, fillOpacity: 0.14 }),
    Plot.line(points, stroke),
    Plot.dot(ringed, { x: "x", y: "y", stroke: color, fill: "var(--paper)", strokeWidth: 2, r: 5 }),
  ];
}

/** The SVG as text: named for assistive technology, sized by its box, coordinates to a tenth of a pixel. */
export function serialized(svg: SVGSVGElement, label: string): string {
  svg.querySelector("style")?.remove();
  for (const name of ["class", "width", "height", "font-family"]) svg.removeAttribute(name);
  svg.setAttribute("font-size", String(FONT_SIZE));
  for (const element of svg.querySelectorAll("*")) {
    element.removeAttribute("aria-label");
    element.removeAttribute("aria-hidden");
    for (const name of ["transform", "d", "x1", "x2", "y1", "y2", "cx", "cy"]) {
      const value = element.getAttribute(name);
      if (value !== null)
        element.setAttribute(
          name,
          value.replace(/-?\d+\.\d{2,}/g, (n) => String(+(+n).toFixed(1))),
        );
    }
  }
  // The label goes in by hand: the serializer leaves < and > in attributes as they are.
  return html`<svg role="img" aria-label="${label}" ${raw(svg.outerHTML.slice("<svg ".length))}`.markup;
}

function lastValue({ series, points }: Line): string {
  return `${series.name} ends at ${significant(points.at(-1)!.y)}`;
}

function endLabel({ name, short = name }: Series): string {
  return shortened(short);
}

function shortened(name: string): string {
  const characters = [...name];
  if (characters.length <= LABEL_LENGTH) return name;
  return `${characters
    .slice(0, LABEL_LENGTH - 1)
    .join("")
    .trimEnd()}…`;
}

/** A number as axes write it. */
export function axisNumber(value: number): string {
  if (value >= 1e4 && value % 1e3 === 0) return `${value / 1e3}k`;
  const size = Math.abs(value);
  if (size >= 1e4 || (size > 0 && size < 1e-3))
    return significant(value)
      .replace(/\.?0*×/, "×")
      .replace(/^1×/, "");
  return String(Number(value.toPrecision(6))).replace("-", "−");
}
