import { unique } from "../evaluation/group.ts";
import { cleanText, type Html, html, raw } from "./html.ts";

/** One coloured cell: a number, its text, and whether a test stands behind it. */
export interface HeatCell {
  readonly value: number | null;
  readonly text: string;
  readonly marked?: boolean;
}

/** A row of a heat map under the heading it belongs to. */
export interface HeatRow {
  readonly group: string;
  readonly name: string;
  readonly cells: readonly HeatCell[];
}

export interface HeatMap {
  readonly title: string;
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly HeatRow[];
  /** Which sign is good: it gets the accent. `none` colours by size alone. */
  readonly good: "lower" | "higher" | "none";
}

/** Share of colour in the strongest cell: text on it still has the contrast of the page. */
const STRONGEST = 42;

/**
 * A table whose cells are coloured by their numbers: a heat map that can be read aloud, scrolled and copied. Diverging
 * around zero, or from the lowest to the highest value where no sign is good.
 */
export function heatMap({ title, note, columns, rows, good }: HeatMap): Html {
  const values = rows.flatMap(({ cells }) => cells.flatMap(({ value }) => (value === null ? [] : [value])));
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  // one runaway cell must not bleach all the others
  const sizes = values.map(Math.abs).sort((a, b) => a - b);
  const reach = sizes[Math.floor(0.9 * (sizes.length - 1))] || sizes.at(-1) || 1;
  const strength = (value: number): number => {
    if (good !== "none") return Math.min(1, Math.abs(value) / reach);
    return highest > lowest ? (value - lowest) / (highest - lowest) : 0.5;
  };
  const color = (value: number): string =>
    good === "none" || value < 0 === (good === "lower") ? "var(--good)" : "var(--bad)";
  const cell = ({ value, text, marked = false }: HeatCell): Html => {
    if (value === null) return html`<td class="num">${text}</td>`;
    const share = Math.round(STRONGEST * strength(value));
    const style = `background:color-mix(in srgb,${color(value)} ${share}%,var(--paper))`;
    return html`<td class="num" style="${style}">${marked ? html`<b>${text}</b>` : text}</td>`;
  };
  const groups = unique(rows.map(({ group }) => group));
  const label = cleanText(title);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table class="heat">
<caption><span><b>${title}</b> ${note}</span></caption>
<thead><tr><th scope="col">${raw("&nbsp;")}</th>${columns.map(
    (column) => html`<th scope="col" class="num">${column}</th>`,
  )}</tr></thead>
${groups.map(
  (group) =>
    html`<tbody>${
      group === ""
        ? ""
        : html`<tr class="group"><th scope="rowgroup" colspan="${columns.length + 1}"><span>${group}</span></th></tr>`
    }
${rows
  .filter((row) => row.group === group)
  .map(
    ({ name, cells }) => html`<tr><th scope="row" class="name">${name}</th>${cells.map(cell)}</tr>\n`,
  )}</tbody>
`,
)}</table></div>`;
}
