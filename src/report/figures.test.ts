import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FigureOptions, figure, linearTicks, logTicks, spreadLabels, thin } from "./figures.ts";

const options: FigureOptions = {
  title: "Training loss",
  note: "By step.",
  xLabel: "Step",
  kind: "curve",
  lines: [
    {
      series: { name: "Adam", color: "var(--s0)", dash: "6 3.5" },
      points: [
        { x: 0, y: 2.3, low: 2.2, high: 2.4 },
        { x: 10, y: 0.3, low: 0.2, high: 0.4 },
      ],
    },
  ],
};

describe("figure", () => {
  it("scales with its box and names itself for assistive technology", () => {
    const { markup } = figure(options)!;
    expect(markup).toMatch(/<svg[^>]* viewBox="0 0 440 300"/);
    expect(markup).toMatch(/<svg[^>]* role="img"/);
    expect(markup).toContain('aria-label="Training loss. By step. Lines: Adam ends at 0.300."');
    expect(markup).not.toMatch(/<svg[^>]* width=/);
  });

  it("labels each line directly, with its dash and colour", () => {
    const { markup } = figure(options)!;
    expect(markup).toContain(">Adam</text>");
    expect(markup).toContain('stroke-dasharray="6 3.5"');
    expect(markup).toContain('stroke="var(--s0)"');
  });

  it("is nothing without a finite point", () => {
    const series = { name: "x", color: "red" };
    expect(figure({ ...options, lines: [{ series, points: [] }] })).toBeUndefined();
    expect(figure({ ...options, lines: [{ series, points: [{ x: 0, y: Number.NaN }] }] })).toBeUndefined();
  });

  it("draws any finite data without a NaN in its coordinates", () => {
    const y = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    const line = fc.array(y, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("curve", "points"),
        (data, kind) => {
          const lines = data.map((values, i) => ({
            series: { name: `line ${i}`, color: "red" },
            points: values.map((value, j) => ({
              x: 10 ** (j - 3),
              y: value,
              low: value - 1,
              high: value + 1,
            })),
          }));
          expect(figure({ ...options, kind, lines })!.markup).not.toMatch(/NaN|Infinity|undefined/);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe("thin", () => {
  it("keeps short curves, and the ends and mean of long ones", () => {
    const points = Array.from({ length: 1001 }, (_, x) => ({ x, y: x % 2 }));
    expect(thin(points, 2000)).toBe(points);
    const thinned = thin(points, 240);
    expect(thinned.length).toBeLessThanOrEqual(240);
    expect(thinned[0]!.x).toBe(0);
    expect(thinned.at(-1)!.x).toBe(1000);
    for (const point of thinned.slice(0, -1)) expect(Math.abs(point.y - 0.5)).toBeLessThan(0.11);
  });
});

describe("ticks", () => {
  it("are round and cover the range", () => {
    expect(linearTicks(0, 1000)).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(linearTicks(0.256, 0.408)).toEqual([0.25, 0.3, 0.35, 0.4, 0.45]);
    expect(linearTicks(5, 5).length).toBeGreaterThan(2);
    fc.assert(
      fc.property(
        fc.double({ min: -1e5, max: 1e5, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e5, noNaN: true }),
        (low, span) => {
          const ticks = linearTicks(low, low + span);
          expect(ticks.length).toBeGreaterThanOrEqual(3);
          expect(ticks.length).toBeLessThanOrEqual(9);
          expect(ticks[0]!).toBeLessThanOrEqual(low + span * 1e-6);
          expect(ticks.at(-1)!).toBeGreaterThanOrEqual(low + span * (1 - 1e-6));
        },
      ),
    );
  });

  it("on a logarithmic axis are 1, 2 and 5, or decades", () => {
    expect(logTicks(0.2, 2.4)).toEqual([0.2, 0.5, 1, 2]);
    expect(logTicks(1e-6, 1)).toEqual([1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]);
    expect(logTicks(1e-12, 1).length).toBeLessThanOrEqual(9);
  });
});

describe("spreadLabels", () => {
  it("keeps a gap, the order and the bounds", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 12 }),
        (wanted) => {
          const placed = spreadLabels(wanted, 15, [0, 300]);
          const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
          order.slice(1).forEach((i, k) => {
            expect(placed[i]! - placed[order[k]!]!).toBeGreaterThanOrEqual(15 - 1e-9);
          });
          for (const y of placed) {
            expect(y).toBeGreaterThanOrEqual(0);
            expect(y).toBeLessThanOrEqual(300);
          }
        },
      ),
    );
  });

  it("leaves labels alone that have room", () => {
    expect(spreadLabels([10, 100, 50], 15, [0, 300])).toEqual([10, 100, 50]);
  });
});
