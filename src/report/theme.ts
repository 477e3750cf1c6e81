/** Colours of one theme; series colours are in the order optimizers get them. */
export interface Theme {
  readonly paper: string;
  readonly ink: string;
  readonly muted: string;
  readonly rule: string;
  readonly accent: string;
  readonly tint: string;
  /** Grounds of heat maps, mixed into the paper. */
  readonly good: string;
  readonly bad: string;
  readonly series: readonly string[];
}

// Series colours hold 4.5 : 1 against the paper, because they also colour text; neighbours differ under the
// common colour-vision deficiencies, and dashes and direct labels repeat what colour says.
export const LIGHT: Theme = {
  paper: "#fdfdfb",
  ink: "#1d1f21",
  muted: "#5a5f66",
  rule: "#d8d9d4",
  accent: "#0b6a54",
  tint: "#f3f4ef",
  good: "#12936f",
  bad: "#d2691e",
  series: ["#1f5fae", "#b9460a", "#59606b", "#a3337c", "#0b7558", "#846007", "#6746bd", "#0b6d82"],
};

export const DARK: Theme = {
  paper: "#16181a",
  ink: "#e8e8e4",
  muted: "#a3a8ae",
  rule: "#363a3e",
  accent: "#6fcfb2",
  tint: "#1e2124",
  good: "#2ea37f",
  bad: "#c96a2b",
  series: ["#7db4f0", "#f2935a", "#b4bac3", "#e58fc5", "#5cc9a7", "#d9b44a", "#b7a5f7", "#5fc3d6"],
};

/** CSS colour of the optimizer at this place; colours repeat after the eighth. */
export function seriesColor(index: number): string {
  return `var(--s${index % LIGHT.series.length})`;
}

/** The theme as CSS variables: `--paper`, `--ink` …, series as `--s0`, `--s1` … */
export function variables(theme: Theme): string {
  const { series, ...named } = theme;
  return [
    ...Object.entries(named).map(([name, color]) => `--${name}:${color}`),
    ...series.map((color, i) => `--s${i}:${color}`),
  ].join(";");
}
