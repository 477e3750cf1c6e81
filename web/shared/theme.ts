import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { DARK, LIGHT, type Theme } from "../../src/report/theme.ts";

/** What the reader chose: `system` follows the colour scheme of the machine. */
export type ThemeChoice = "system" | "light" | "dark";

const dark = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(dark.matches);
dark.addEventListener("change", () => {
  systemIsDark.value = dark.matches;
});

/** The reader's choice, for as long as the page is open. */
export const themeChoice: Signal<ThemeChoice> = signal("system");
themeChoice.subscribe((choice) => {
  if (choice === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
});

/** The colours in force, for what is drawn on a canvas; style sheets read the same as `var(--ink)`. */
export const theme: ReadonlySignal<Theme> = computed(() =>
  themeChoice.value === "dark" || (themeChoice.value === "system" && systemIsDark.value) ? DARK : LIGHT,
);

/** Dashes that repeat what a series' colour says. */
const DASHES: readonly (readonly number[])[] = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/** Colour and dash of the series at this place; they repeat after the eighth. */
export function seriesStyle({ series }: Theme, index: number): { color: string; dash: number[] } {
  return { color: series[index % series.length]!, dash: [...DASHES[index % DASHES.length]!] };
}
