// 9: the same kernels native, in WebAssembly, and with the bits of class `portable`, side by side.
import { availableParallelism } from "node:os";
import { BATCH, WINDOW } from "../lib/inputs.mjs";
import { kernelOps, layoutOf, lstm, lstmOptimizer, openKernels } from "../lib/lowland.mjs";
import { own, rounds } from "../lib/measure.mjs";
import { short } from "../lib/print.mjs";

export const title = "Backends side by side";

const COORDINATES = 15_910;

/** Kernels this machine can run, by what they are. */
function backends() {
  const cores = availableParallelism();
  const wanted = {
    [`native, ${cores} threads`]: { backend: "native", variant: "fma", threads: cores },
    native: { backend: "native", variant: "fma" },
    WebAssembly: { backend: "wasm", variant: "fma" },
    "native portable": { backend: "native", variant: "portable" },
    "WebAssembly portable": { backend: "wasm", variant: "portable" },
  };
  return Object.entries(wanted).flatMap(([name, options]) => {
    try {
      return [{ name, kernels: openKernels({ memoryMiB: 512, ...options }) }];
    } catch {
      return [];
    }
  });
}

/** The cases on one backend: name → work. */
function cases({ kernels: { calls, arena: open } }, { phi }) {
  const arena = open();
  const ops = kernelOps(arena);
  const f = (length) => {
    const vector = arena.float32(length);
    for (let i = 0; i < length; i++) vector[i] = Math.sin(i) / 8;
    return vector;
  };
  const dense = { batch: BATCH, inputs: 784, outputs: 20 };
  const [x, w, b, y, dw] = [BATCH * 784, 20 * 784, 20, BATCH * 20, 20 * 784].map(f);
  const conv = {
    ...{ batch: BATCH, height: 13, width: 13, channels: 16, kernelHeight: 5, kernelWidth: 5 },
    ...{ outHeight: 9, outWidth: 9, filters: 32 },
  };
  const scratch = f(ops.convScratch(conv));
  const [image, filters, bias, out, dfilters] = [
    ...[BATCH * 13 * 13 * 16, 32 * 25 * 16, 32, BATCH * 9 * 9 * 32, 32 * 25 * 16],
  ].map(f);
  const [params, gradient, m, v] = [COORDINATES, COORDINATES, COORDINATES, COORDINATES].map(f);
  v.fill(1);
  const optimizer = lstmOptimizer(phi, arena);
  const state = optimizer.init(layoutOf([{ name: "w", shape: [COORDINATES] }]), { arena });
  const learned = lstm();
  const unroll = learned.unroll({ size: COORDINATES, window: WINDOW, activations: "stored", arena });
  const cotangents = f(COORDINATES * WINDOW);
  const metaGradient = f(learned.layout.size);
  return {
    "dense 784 → 20, forward": () => ops.denseForward(dense, x, w, b, y),
    "dense 784 → 20, weights": () => ops.denseBackwardWeights(dense, x, y, dw, b, false),
    "convolution 13×13×16, 5×5×32, forward": () => ops.convForward(conv, image, filters, bias, out, scratch),
    "convolution, weights": () => ops.convBackwardWeights(conv, image, out, dfilters, bias, false, scratch),
    "Adam, 15,910 coordinates": () =>
      calls.adamStep(
        ...[params.byteOffset, 0, gradient.byteOffset, m.byteOffset, v.byteOffset, COORDINATES],
        ...[1e-9, 0.9, 0.999, 1e-8, 0.5, 0.5, 0],
      ),
    "LSTM step, 15,910 coordinates": () => optimizer.step(params, gradient, state),
    "LSTM window of 20, forward and backward": () => {
      unroll.begin(phi, state);
      for (let t = 0; t < WINDOW; t++) unroll.step(params, gradient);
      unroll.backward(cotangents, metaGradient);
    },
  };
}

export async function measure(context) {
  const opened = backends();
  const works = opened.map((backend) => cases(backend, context.inputs));
  const table = [];
  for (const name of Object.keys(works[0])) {
    const competitors = works.map((work) =>
      own((iterations) => {
        for (let i = 0; i < iterations; i++) work[name]();
      }),
    );
    const timings = await rounds(competitors, { ...context, settle: 0 });
    table.push({
      name,
      ms: timings.map(({ min }) => min * 1000),
      medianMs: timings.map((t) => t.median * 1000),
    });
  }
  const columns = opened.map(({ name, kernels: { level } }) => `${name} (${level})`);
  return {
    columns,
    table,
    lines: [
      `ms, best of each: ${columns.join(", ")}`,
      ...table.map(({ name, ms }) => `${name}: ${ms.map(short).join(", ")}`),
    ],
  };
}
