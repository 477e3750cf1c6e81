import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { axisNumber, linearTicks, serialized } from "./figures.ts";
import { significant } from "./format.ts";
import { type Html, html, raw } from "./html.ts";

/** Losses in a plane, drawn as lines of equal loss. */
export interface Contours {
  readonly title: string;
  /** Of both axes, ascending. */
  readonly coordinates: readonly number[];
  /** At place j·points + i for (xᵢ, yⱼ); null where not finite. */
  readonly losses: readonly (number | null)[];
  /** Losses that lines are drawn at, the same in every figure that is to be compared. */
  readonly levels: readonly number[];
}

// As wide as the other figures, so that the labels are of one size.
const SIZE = 440;
const MARGIN = 40;

/**
 * A square figure of lines of equal loss; the colour of the ground grows stronger from line to line, on either theme.
 * Nothing if no loss is known.
 */
export function contours({ title, coordinates, losses, levels }: Contours): Html | undefined {
  const known = losses.filter((loss) => loss !== null);
  if (known.length === 0) return undefined;
  const points = coordinates.length;
  const radius = coordinates.at(-1)!;
  const cell = (2 * radius) / (points - 1);
  const highest = Math.max(...known);
  // beyond what is finite lies high ground, not a hole
  const values = losses.map((loss) => loss ?? highest);
  const centre =
    points % 2 === 1 && coordinates.length ** 2 === losses.length ? values[(points ** 2 - 1) / 2] : undefined;
  const drawn = levels.filter((level) => level > Math.min(...known) && level < highest);
  const ticks = linearTicks(-radius, radius).filter((tick) => Math.abs(tick) <= radius * (1 + 1e-9));
  const axis = { text: axisNumber, tickSize: 4, label: null };
  const svg = Plot.plot({
    document: parseHTML("<!doctype html><html></html>").document,
    className: "plot",
    width: SIZE,
    height: SIZE,
    margin: MARGIN,
    x: { domain: [-radius, radius], axis: null },
    y: { domain: [-radius, radius], axis: null },
    marks: [
      Plot.contour(values, {
        width: points,
        height: points,
        // a value stands for the middle of its cell: cells at the edge reach beyond the frame, and are covered there
        x1: -radius - cell / 2,
        x2: radius + cell / 2,
        y1: -radius - cell / 2,
        y2: radius + cell / 2,
        value: Plot.identity,
        thresholds: drawn,
        fill: "var(--accent)",
        fillOpacity: 0.1,
        stroke: "currentColor",
        strokeOpacity: 0.7,
        strokeWidth: 0.8,
      }),
      Plot.rect(aroundFrame(radius, cell), { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: "var(--paper)" }),
      Plot.dot([[0, 0]], { r: 3, fill: "var(--ink)" }),
      Plot.frame({ stroke: "currentColor", strokeOpacity: 0.4 }),
      Plot.axisX(ticks, axis),
      Plot.axisY(ticks, axis),
    ],
  }) as unknown as SVGSVGElement;
  const at = drawn.length === 0 ? "" : ` Lines at ${drawn.map(axisNumber).join(", ")}.`;
  const middle = centre === undefined ? "" : ` Loss ${significant(centre)} in the middle,`;
  const note = `${middle} ${significant(highest)} at most; stronger colour is higher.${at}`.trim();
  return html`<figure>
<figcaption><b>${title}</b><span>${note}</span></figcaption>
${raw(serialized(svg, `Loss in a plane around the point ${title} reached. ${note}`))}
</figure>`;
}

/** The strips of one cell's width around the frame; Plot's own clipping would number its ids by the order of drawing. */
function aroundFrame(radius: number, cell: number): { x1: number; x2: number; y1: number; y2: number }[] {
  const outside = radius + cell;
  return [
    { x1: -outside, x2: outside, y1: radius, y2: outside },
    { x1: -outside, x2: outside, y1: -outside, y2: -radius },
    { x1: radius, x2: outside, y1: -outside, y2: outside },
    { x1: -outside, x2: -radius, y1: -outside, y2: outside },
  ];
}
