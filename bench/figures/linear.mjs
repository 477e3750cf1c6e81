// 8: cost of the LSTM step from a thousand to a million coordinates, and of a window by its length.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { layoutOf, lstm, lstmOptimizer, openArena } from "../lib/lowland.mjs";
import { own, rounds } from "../lib/measure.mjs";
import { short } from "../lib/print.mjs";
import { openStep } from "./lstm-step.mjs";

export const title = "Cost of the LSTM optimizer is linear";

const COORDINATES = 15_910;

export async function measure(context) {
  const sizes = context.smoke ? [1000, 10_000] : [1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
  const steps = [];
  for (const n of sizes) {
    const step = openStep(n, context.inputs);
    const [timing] = await rounds([own(step.run)], context);
    steps.push({ coordinates: n, ms: timing.min * 1000, medianMs: timing.median * 1000 });
    step.close();
  }
  const windows = [];
  for (const window of context.smoke ? [5, 10] : [5, 10, 20, 50, 100]) {
    const [timing] = await rounds([own(openWindow(context.inputs, window))], context);
    windows.push({ steps: window, ms: timing.min * 1000, medianMs: timing.median * 1000 });
  }
  if (!context.smoke) await draw(steps);
  return {
    steps,
    windows,
    lines: [
      ...steps.map(
        ({ coordinates, ms }) =>
          `${coordinates.toLocaleString("en")} coordinates: ${short(ms)} ms, ${short((ms * 1e6) / coordinates)} ns each`,
      ),
      ...windows.map(
        ({ steps: count, ms }) =>
          `window of ${count}, forward and backward, recomputed: ${short(ms)} ms, ${short(ms / count)} ms a step`,
      ),
    ],
  };
}

/** Runs a window forward and backward over the coordinates of `mnist/mlp`; frees its memory after the last call. */
function openWindow({ arrays, phi }, window) {
  return (iterations) => {
    const arena = openArena();
    const learned = lstm();
    const unroll = learned.unroll({ size: COORDINATES, window, activations: "recomputed", arena });
    const params = arena.float32(COORDINATES);
    const gradient = arena.float32(COORDINATES);
    gradient.set(arrays["lstm.gradient"].data.subarray(0, COORDINATES));
    const cotangents = arena.float32(COORDINATES * window).fill(1e-3);
    const metaGradient = arena.float32(learned.layout.size);
    const state = lstmOptimizer(phi, arena).init(layoutOf([{ name: "w", shape: [COORDINATES] }]), { arena });
    for (let i = 0; i < iterations; i++) {
      unroll.begin(phi, state);
      for (let t = 0; t < window; t++) unroll.step(params, gradient);
      unroll.backward(cotangents, metaGradient);
    }
    arena.close();
  };
}

/** Draws the cost of a step over the number of coordinates into bench/results/linear.svg. */
async function draw(steps) {
  const [Plot, { parseHTML }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const { coordinates, ms } = steps.at(-1);
  const line = steps.map((point) => ({
    coordinates: point.coordinates,
    ms: (ms / coordinates) * point.coordinates,
  }));
  const svg = Plot.plot({
    document,
    width: 640,
    height: 400,
    marginLeft: 56,
    grid: true,
    x: { type: "log", label: "coordinates", tickFormat: "~s" },
    y: { type: "log", label: "milliseconds a step", tickFormat: "~g" },
    marks: [
      Plot.line(line, {
        x: "coordinates",
        y: "ms",
        stroke: "currentColor",
        strokeOpacity: 0.4,
        strokeDasharray: "4 4",
      }),
      Plot.dot(steps, { x: "coordinates", y: "ms", fill: "steelblue", r: 4 }),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const folder = fileURLToPath(new URL("../results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}linear.svg`, `${svg.outerHTML}\n`);
}
