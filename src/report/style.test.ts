import { describe, expect, it } from "vitest";
import { STYLE } from "./style.ts";
import { DARK, LIGHT, type Theme } from "./theme.ts";

/** Relative luminance of `#rrggbb`, WCAG 2.2. */
function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light! + 0.05) / (dark! + 0.05);
}

describe.each<[string, Theme]>([
  ["light", LIGHT],
  ["dark", DARK],
])("%s theme", (_, theme) => {
  it("has text and series colours of at least 4.5 : 1 on its paper", () => {
    for (const color of [theme.ink, theme.muted, theme.accent, ...theme.series]) {
      expect(contrast(color, theme.paper)).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast(theme.muted, theme.tint)).toBeGreaterThanOrEqual(4.5);
  });
});

describe("STYLE", () => {
  it("loads nothing", () => {
    expect(STYLE).not.toMatch(/url\(|@import|@font-face|https?:/);
  });
});
