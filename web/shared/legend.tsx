import type { JSX } from "preact";
import { seriesStyle, theme } from "./theme.ts";

/** Names of series beside their colour and dash, which are the same in every plot of a page. */
export function Legend({
  entries,
}: {
  entries: readonly { readonly label: string; readonly place: number; readonly value?: string }[];
}): JSX.Element {
  return (
    <ul class="legend">
      {entries.map(({ label, place, value }) => (
        <li key={place}>
          <Swatch place={place} /> {label}
          {value !== undefined && <output>{value}</output>}
        </li>
      ))}
    </ul>
  );
}

/** A short piece of a series' line. */
export function Swatch({ place }: { place: number }): JSX.Element {
  const { color, dash } = seriesStyle(theme.value, place);
  return (
    <svg width="26" height="8" aria-hidden="true">
      <line
        x1="1"
        y1="4"
        x2="25"
        y2="4"
        stroke={color}
        stroke-width="2.5"
        stroke-dasharray={dash.join(" ")}
      />
    </svg>
  );
}
