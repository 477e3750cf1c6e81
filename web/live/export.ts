import { seriesStyle } from "../shared/theme.ts";
import type { ChartOptions, NamedCurve } from "./chart.tsx";
import { numberText } from "./format.ts";

/** The curves as a table: a row an x; of each curve its value, before smoothing, and the ends of its band. */
export function csvOf(curves: readonly NamedCurve[], xLabel: string): string {
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const x = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const columns = curves.flatMap(({ label, x: own, raw, smooth, low, high }) => {
    const place = new Map(own.map((value, i) => [value, i]));
    const column = (name: string, values: readonly number[] | undefined) =>
      values === undefined
        ? []
        : [{ name: quoted(name), at: (value: number) => values[place.get(value) ?? -1] ?? "" }];
    return [
      ...column(label, smooth),
      ...column(`${label}, raw`, raw),
      ...column(`${label}, low`, low),
      ...column(`${label}, high`, high),
    ];
  });
  const rows = x.map((value) => [value, ...columns.map(({ at }) => at(value))].join(","));
  return `${[[quoted(xLabel), ...columns.map(({ name }) => name)].join(","), ...rows].join("\n")}\n`;
}

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 64, right: 16, top: 40, bottom: 44 };

/** The chart as a drawing of its own, with title, axes and names. */
export function svgOf(title: string, { curves, xLabel, xLog, yLog, from, to, colors }: ChartOptions): string {
  const legendHeight = 18 * curves.length + 8;
  const xs = shownIn(
    curves.flatMap(({ x }) => x),
    xLog,
  ).filter((x) => x >= (from ?? -Infinity) && x <= (to ?? Infinity));
  const ys = shownIn(
    curves.flatMap(({ raw, low = [], high = [] }) => [...raw, ...low, ...high]),
    yLog,
  );
  const px = scaleOf(
    extent([...xs, from ?? xs[0] ?? 0, to ?? xs[0] ?? 1]),
    xLog,
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const py = scaleOf(extent(ys), yLog, HEIGHT - MARGIN.bottom, MARGIN.top);
  const text = (
    x: number,
    y: number,
    content: string,
    anchor = "start",
    color: string = colors.muted,
  ): string =>
    `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${color}">${escapeXml(content)}</text>`;
  const axes = [
    ...px.ticks.map((tick) => {
      const x = round(px.at(tick));
      return `<path d="M${x} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}" stroke="${colors.rule}"/>${text(x, HEIGHT - MARGIN.bottom + 16, numberText(tick), "middle")}`;
    }),
    ...py.ticks.map((tick) => {
      const y = round(py.at(tick));
      return `<path d="M${MARGIN.left} ${y}H${WIDTH - MARGIN.right}" stroke="${colors.rule}"/>${text(MARGIN.left - 6, y + 4, numberText(tick), "end")}`;
    }),
  ];
  const point = (x: number, y: number): string => `${round(px.at(x))} ${round(py.at(y))}`;
  const lines = curves.map(({ x, raw, smooth, low, high, place }) => {
    const { color, dash } = seriesStyle(colors, place);
    const path = (values: readonly number[]): string[] =>
      x.flatMap((at, i) =>
        shownIn([at], xLog).length > 0 && shownIn([values[i]!], yLog).length > 0
          ? [point(at, values[i]!)]
          : [],
      );
    const line = (values: readonly number[], style: string): string =>
      `<polyline fill="none" points="${path(values).join(" ")}" ${style}/>`;
    const band =
      low && high
        ? `<polygon points="${[...path(high), ...path(low).reverse()].join(" ")}" fill="${color}" opacity=".15"/>`
        : "";
    return `${band}${line(raw, `stroke="${color}" stroke-opacity=".33"`)}${line(smooth, `stroke="${color}" stroke-width="1.8" stroke-dasharray="${dash.join(" ")}"`)}`;
  });
  const names = curves.map(({ label, place }, i) => {
    const { color, dash } = seriesStyle(colors, place);
    const y = HEIGHT + 18 * i + 4;
    return `<path d="M${MARGIN.left} ${y}h24" stroke="${color}" stroke-width="2" stroke-dasharray="${dash.join(" ")}"/>${text(MARGIN.left + 32, y + 4, label, "start", colors.ink)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT + legendHeight}" width="${WIDTH}" font-family="system-ui,sans-serif" font-size="12">
<clipPath id="inside"><rect x="${MARGIN.left}" y="${MARGIN.top}" width="${WIDTH - MARGIN.left - MARGIN.right}" height="${HEIGHT - MARGIN.top - MARGIN.bottom}"/></clipPath>
<rect width="100%" height="100%" fill="${colors.paper}"/>
${text(MARGIN.left, 22, title, "start", colors.ink)}
${axes.join("\n")}
${text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 8, xLabel, "middle")}
<g clip-path="url(#inside)">${lines.join("\n")}</g>
${names.join("\n")}
</svg>
`;
}

function shownIn(values: readonly number[], log: boolean): number[] {
  return values.filter((value) => Number.isFinite(value) && (!log || value > 0));
}

function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [1, 2];
  return low === high ? [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2] : [low, high];
}

/** Where a value stands between two ends, and round values to write there. */
function scaleOf([low, high]: [number, number], log: boolean, start: number, end: number) {
  const along = (value: number): number => (log ? Math.log10(value) : value);
  const span = along(high) - along(low);
  const at = (value: number): number => start + ((along(value) - along(low)) / span) * (end - start);
  const raw = span / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = log
    ? Math.max(1, Math.round(raw))
    : power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : 5);
  const ticks: number[] = [];
  for (let k = Math.ceil(along(low) / step); k * step <= along(high) + 1e-9 * span; k++) {
    ticks.push(log ? 10 ** (k * step) : Number((k * step).toPrecision(12)));
  }
  return { at, ticks };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
