import { parseHTML } from "linkedom";
import { describe, expect, it } from "vitest";
import { syntheticResults } from "../../test/report/fixture.ts";
import { summarizeAtLoss, summarizeSharpness } from "../analysis/summaries.ts";
import type { AtLossRecord, LandscapeRecord, Results, SharpnessSeed } from "../evaluation/results.ts";
import { formatResults, parseResults } from "../evaluation/results-file.ts";
import { contours } from "./contours.ts";
import { renderReport } from "./page.ts";

const plain = syntheticResults({ steps: [100], seeds: 3 });
const coordinates = [-1, -0.5, 0, 0.5, 1];

function line(curvature: number): LandscapeRecord {
  return { dimensions: 1, coordinates, losses: coordinates.map((a) => 0.3 + curvature * a * a) };
}

function plane(curvature: number): LandscapeRecord {
  const losses = coordinates.flatMap((b) => coordinates.map((a) => 0.3 + curvature * (a * a + 2 * b * b)));
  return { dimensions: 2, coordinates, losses: losses.map((loss, i) => (i === 0 ? null : loss)) };
}

/** The made-up results with every measure; the last optimizer never gets to the loss. */
function everything(dimensions: 1 | 2, text = ""): Results {
  const sharpness = plain.sharpness.map((record) => {
    const seeds = record.seeds.map((seed): SharpnessSeed => {
      const top = seed.topEigenvalue!;
      return {
        ...seed,
        trace: 3 * top,
        traceStandardError: 0.1,
        largestEigenvalues: [top, top / 2],
        smallestEigenvalues: [-0.25, -0.125],
        landscape: dimensions === 1 ? line(top) : plane(top),
      };
    });
    return {
      ...record,
      method: { ...record.method, optimizer: `${record.method.optimizer}${text}` },
      task: `${record.task}${text}`,
      seeds,
      summary: summarizeSharpness(seeds),
    };
  });
  const sharpnessAtLoss = sharpness.map(({ task, method, seeds }, i): AtLossRecord => {
    const missed = { loss: null, gradientNorm: null, topEigenvalue: null, radii: [], step: null };
    const last = i === sharpness.length - 1;
    const reached = seeds.map((seed, k) =>
      last ? { seed: seed.seed, ...missed } : { ...seed, step: 40 + 10 * k },
    );
    return {
      task,
      method,
      below: 0.4,
      every: 10,
      maxSteps: 100,
      seeds: reached,
      summary: summarizeAtLoss(reached),
    };
  });
  return { ...plain, sharpness, sharpnessAtLoss };
}

const documentOf = (results: Results) => parseHTML(renderReport(results)).document;

describe("a report with every measure of sharpness", () => {
  const flatness = documentOf(everything(1)).getElementById("flatness")!;
  const tableAfter = (heading: string) =>
    [...flatness.querySelectorAll("table")].find((each) =>
      each.querySelector("caption")!.textContent.startsWith(heading),
    )!;

  it("shows numbers at equal loss beside those after equal steps, and who never got there", () => {
    const rows = [...tableAfter("At equal training loss").querySelectorAll("tbody tr:not(.group)")].map(
      ({ textContent }) => textContent,
    );
    expect(rows).toHaveLength(8);
    expect(rows[0]).toMatch(/^LSTMbelow 0\.4 at step 503 of 3 got there/);
    expect(rows[1]).toMatch(/^LSTMafter 100 steps/);
    expect(rows[6]).toMatch(/never below 0\.4three runs of 100 steps–/);
    expect(flatness.textContent).toContain("looked at every 10 steps");
  });

  it("has the spectrum as a table for each point, eigenvalues down and optimizers across", () => {
    const table = tableAfter("Hessian eigenvalues: synthetic-digits/mlp, 100 steps");
    expect([...table.querySelectorAll("tbody th")].map(({ textContent }) => textContent)).toEqual([
      "Largest, 1",
      "Largest, 2",
      "Smallest, 1",
      "Smallest, 2",
      "Trace",
    ]);
    expect([...table.querySelectorAll("thead th")].map(({ textContent }) => textContent)).toEqual([
      "Eigenvalue",
      "LSTM",
      "LSTM + SAM",
      "Adam",
      "Adam + SAM",
    ]);
    expect(table.querySelector("tbody tr:nth-child(3) td")!.textContent).toMatch(/^−0\.250/);
    expect(tableAfter("Hessian eigenvalues: synthetic-digits/mlp, training loss below 0.4")).toBeDefined();
  });

  it("draws one line for each optimizer in one dimension, and one plane for each in two", () => {
    const figures = (results: Results) =>
      [...documentOf(results).querySelectorAll("#flatness figure")].map(
        (each) => each.querySelector("b")!.textContent,
      );
    const byRadius = figures(plain);
    expect(figures(everything(1))).toEqual(["Loss along a random direction", ...byRadius]);
    expect(figures(everything(2))).toEqual(["LSTM", "LSTM + SAM", "Adam", "Adam + SAM", ...byRadius]);
  });

  it.each([1, 2] as const)(
    "survives results.json and has no trace of missing numbers (%dd)",
    (dimensions) => {
      const results = everything(dimensions);
      const page = renderReport(results);
      expect(renderReport(parseResults(formatResults(results), "x"))).toBe(page);
      expect(page).not.toMatch(/NaN|undefined|\[object|Infinity/);
      expect(page).not.toMatch(/https?:\/\//);
    },
  );

  it("escapes names", () => {
    for (const dimensions of [1, 2] as const) {
      const page = renderReport(everything(dimensions, `"><img src=x><script>`));
      expect(page).not.toMatch(/<(script|img)\b/);
    }
  });

  it("says nothing of measures that were not taken", () => {
    const text = documentOf(plain).getElementById("flatness")!.textContent;
    expect(text).not.toMatch(/At equal training loss|spectrum|landscape/);
  });
});

describe("contours", () => {
  const { losses } = plane(4);

  it("draws a line for each level between the lowest and the highest loss", () => {
    const { markup } = contours({ title: "Adam", coordinates, losses, levels: [0.1, 1, 2, 5, 100] })!;
    expect(markup).toContain(
      "Loss 0.300 in the middle, 12.3 at most; stronger colour is higher. Lines at 1, 2, 5.",
    );
    const svg = parseHTML(markup).document.querySelector("svg")!;
    expect(svg.querySelectorAll('[fill-opacity="0.1"] path').length).toBe(3);
  });

  it("puts a level where the loss has it", () => {
    const fine = Array.from({ length: 41 }, (_, i) => -1 + i / 20);
    const bowl = fine.flatMap((b) => fine.map((a) => a * a + b * b));
    const { markup } = contours({ title: "bowl", coordinates: fine, losses: bowl, levels: [0.25] })!;
    const svg = parseHTML(markup).document.querySelector("svg")!;
    const path = svg.querySelector('[fill-opacity="0.1"] path')!.getAttribute("d")!;
    // around the ground above the level lies a ring outside, and inside a circle: 180 of 360 pixels across
    const rings = path.split("M").slice(1);
    const widths = rings.map((ring) => {
      const xs = ring
        .match(/-?[\d.]+/g)!
        .map(Number)
        .filter((_, i) => i % 2 === 0);
      return Math.max(...xs) - Math.min(...xs);
    });
    expect(Math.abs(Math.min(...widths) - 180)).toBeLessThan(2);
  });

  it("draws a flat plane and nothing where no loss is known", () => {
    const flat = losses.map(() => 0.5);
    expect(contours({ title: "flat", coordinates, losses: flat, levels: [0.5] })!.markup).not.toMatch(/NaN/);
    const none = losses.map(() => null);
    expect(contours({ title: "none", coordinates, losses: none, levels: [1] })).toBeUndefined();
  });
});
