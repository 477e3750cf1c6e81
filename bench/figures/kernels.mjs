// 7: rates of the kernels beside the processor's, and meta-training beside the sum of its kernels.
import { BATCH, metaTraining, WINDOW } from "../lib/inputs.mjs";
import {
  kernelOps,
  kernels,
  layoutOf,
  lstm,
  lstmOptimizer,
  openArena,
  openExecutor,
} from "../lib/lowland.mjs";
import { own, rounds } from "../lib/measure.mjs";
import { short } from "../lib/print.mjs";
import { outerSteps } from "./meta-training.mjs";

export const title = "Kernels";

const INPUTS = 784;
const HIDDEN = 20;
const CLASSES = 10;
const UNITS = 20; // of an LSTM layer

/** Multiply-adds of one coordinate's LSTM step, counted as two operations each. */
const LSTM_FLOPS = 2 * ((2 + UNITS) * 4 * UNITS + 2 * UNITS * 4 * UNITS + UNITS);

export async function measure(context) {
  const arena = openArena();
  const products = await rates(context, arena);
  const window = await addedUp(context, arena);
  arena.close();
  const lines = [
    `registers only: ${short(products.peak)} GF/s`,
    ...products.kernels.map(
      ({ name, gflops, ofPeak }) => `${name}: ${short(gflops)} GF/s, ${(100 * ofPeak).toFixed(0)} % of it`,
    ),
    "",
    `a window of ${WINDOW} inner steps, by its kernels (ms):`,
    ...window.parts.map(({ name, calls, ms }) => `${name}: ${calls} × ${short(ms)} = ${short(calls * ms)}`),
    `together ${short(window.kernelsMs)}, meta-training takes ${short(window.measuredMs)}: ${(100 * window.efficiency).toFixed(0)} % of the kernels' rate`,
  ];
  return { ...products, window, lines };
}

/** Products in operations a second, each in turns with the peak: an engine compiles the peak's loop well only after some calls. */
async function rates(context, arena) {
  const { calls } = kernels();
  const PEAK_ITERATIONS = 100_000;
  const peakRun = (iterations) => {
    for (let i = 0; i < iterations; i++) calls.registerPeak(PEAK_ITERATIONS);
  };
  for (let i = 0; i < 50; i++) calls.registerPeak(1000);
  const f = (length) => filled(arena, length);
  const x = f(BATCH * INPUTS);
  const wide = f(128 * INPUTS);
  const y = f(BATCH * 128);
  const dw = f(HIDDEN * INPUTS);
  const hidden = f(HIDDEN * BATCH);
  const ops = kernelOps(arena);
  const repeat = (work) => (iterations) => {
    for (let i = 0; i < iterations; i++) work();
  };
  const forward = (outputs) =>
    repeat(() =>
      calls.gemmDot(
        BATCH,
        outputs,
        INPUTS,
        x.byteOffset,
        INPUTS,
        wide.byteOffset,
        INPUTS,
        y.byteOffset,
        outputs,
        0,
      ),
    );
  const convolution = (height, channels, kernel, filters) => {
    const out = height - kernel + 1;
    const shape = {
      batch: BATCH,
      height,
      width: height,
      channels,
      kernelHeight: kernel,
      kernelWidth: kernel,
      outHeight: out,
      outWidth: out,
      filters,
    };
    const [input, weights, bias, output, scratch] = [
      BATCH * height * height * channels,
      filters * kernel * kernel * channels,
      filters,
      BATCH * out * out * filters,
      ops.convScratch(shape),
    ].map(f);
    return {
      name: `convolution ${height}×${height}×${channels}, ${kernel}×${kernel}×${filters}, forward`,
      flops: 2 * BATCH * out * out * kernel * kernel * channels * filters,
      run: repeat(() => ops.convForward(shape, input, weights, bias, output, scratch)),
    };
  };
  const list = [
    {
      name: `X·Wᵀ, ${BATCH}×${INPUTS}×${HIDDEN} (dense forward)`,
      flops: 2 * BATCH * INPUTS * HIDDEN,
      run: forward(HIDDEN),
    },
    {
      name: `dYᵀ·X, ${HIDDEN}×${BATCH}×${INPUTS} (dense weights' gradient)`,
      flops: 2 * BATCH * INPUTS * HIDDEN,
      run: repeat(() =>
        calls.gemmLanes(
          HIDDEN,
          INPUTS,
          BATCH,
          hidden.byteOffset,
          1,
          HIDDEN,
          x.byteOffset,
          INPUTS,
          dw.byteOffset,
          INPUTS,
          false,
        ),
      ),
    },
    { name: `X·Wᵀ, ${BATCH}×${INPUTS}×128`, flops: 2 * BATCH * INPUTS * 128, run: forward(128) },
    convolution(28, 1, 3, 16),
    convolution(13, 16, 5, 32),
  ];
  const measured = [];
  let peak = 0;
  for (const { name, flops, run } of list) {
    const [top, own_] = await rounds([own(peakRun), own(run)], {
      ...context,
      turn: context.turn / 2,
      settle: 0,
    });
    const bar = (calls.peakFlops() * PEAK_ITERATIONS) / top.min / 1e9;
    peak = Math.max(peak, bar);
    const gflops = flops / own_.min / 1e9;
    measured.push({ name, gflops, peak: bar, ofPeak: gflops / bar });
  }
  return { peak, kernels: measured };
}

function filled(arena, length) {
  const vector = arena.float32(length);
  for (let i = 0; i < length; i++) vector[i] = (((i * 7919) % 1009) / 1009 - 0.5) * 0.1;
  return vector;
}

/** Every kernel of a window alone, on buffers of a window's size, and the window itself, in turns. */
async function addedUp(context, arena) {
  const { calls } = kernels();
  const ops = kernelOps(arena);
  const n = INPUTS * HIDDEN + HIDDEN + HIDDEN * CLASSES + CLASSES;
  const f = (length) => filled(arena, length);
  const [x, w, b, h, dh, w2, z, dw, dw2, g] = [
    BATCH * INPUTS,
    HIDDEN * INPUTS,
    HIDDEN,
    BATCH * HIDDEN,
    BATCH * HIDDEN,
    CLASSES * HIDDEN,
    BATCH * CLASSES,
    HIDDEN * INPUTS,
    CLASSES * HIDDEN,
    n,
  ].map(f);
  const pixels = arena.uint8(BATCH * INPUTS);
  const labels = arena.uint8(BATCH);
  const first = { batch: BATCH, inputs: INPUTS, outputs: HIDDEN };
  const second = { batch: BATCH, inputs: HIDDEN, outputs: CLASSES };

  const learned = lstm();
  const unrollArena = openArena();
  const unroll = learned.unroll({ size: n, window: WINDOW, activations: "stored", arena: unrollArena });
  const params = f(n);
  const cotangents = f(n * WINDOW);
  const metaGradient = f(learned.layout.size);
  const state = lstmOptimizer(context.inputs.phi, arena).init(layoutOf([{ name: "w", shape: [n] }]), {
    arena,
  });
  let t = 0;
  const point = WINDOW + 1;
  const parts = [
    ["pixels to floats", point, () => ops.unpackPixels(pixels, x)],
    ["dense 784 → 20, forward", point, () => ops.denseForward(first, x, w, b, h)],
    ["sigmoid", point, () => ops.sigmoid(h, dh, BATCH * HIDDEN)],
    ["dense 20 → 10, forward", point, () => ops.denseForward(second, h, w2, b, z)],
    ["softmax and cross-entropy", point, () => ops.softmaxCrossEntropy(z, labels, BATCH, CLASSES, 1 / BATCH)],
    ["dense 20 → 10, weights", point, () => ops.denseBackwardWeights(second, h, z, dw2, b, false)],
    ["dense 20 → 10, input", point, () => ops.denseBackwardInput(second, z, w2, dh)],
    ["sigmoid, backward", point, () => ops.sigmoidBackward(h, dh, BATCH * HIDDEN)],
    ["dense 784 → 20, weights", point, () => ops.denseBackwardWeights(first, x, dh, dw, b, false)],
    [
      "LSTM step, storing",
      WINDOW,
      () => {
        if (t === WINDOW) t = 0;
        if (t++ === 0) unroll.begin(context.inputs.phi, state);
        unroll.step(params, g);
      },
    ],
    ["LSTM window, backward", 1, () => unroll.backward(cotangents, metaGradient)],
    [
      "sum of two cotangents",
      WINDOW - 1,
      () => calls.addScaled(g.byteOffset, 1, params.byteOffset, g.byteOffset, n),
    ],
  ];
  // the backward pass needs a whole window of records
  unroll.begin(context.inputs.phi, state);
  for (let i = 0; i < WINDOW; i++) unroll.step(params, g);
  t = WINDOW;

  const training = await metaTraining(context.dataset, { activations: "stored" });
  const executor = await openExecutor(training);
  const outer = outerSteps(training, executor);
  const competitors = parts.map(([name, , work]) =>
    own((iterations) => {
      // whole windows of forward steps, so that backward finds one
      const rounded = name === "LSTM step, storing" ? Math.ceil(iterations / WINDOW) * WINDOW : iterations;
      for (let i = 0; i < rounded; i++) work();
    }),
  );
  // where iterations are rounded up the seconds count for as many
  const lstmStep = competitors[parts.findIndex(([name]) => name === "LSTM step, storing")];
  const { time } = lstmStep;
  lstmStep.time = async (iterations) =>
    ((await time(iterations)) * iterations) / (Math.ceil(iterations / WINDOW) * WINDOW);
  const timings = await rounds([...competitors, own(outer)], { ...context, settle: 0 });
  const measuredMs = timings.at(-1).min * 1000;
  const listed = parts.map(([name, calls], i) => ({ name, calls, ms: timings[i].min * 1000 }));
  const kernelsMs = listed.reduce((sum, { calls, ms }) => sum + calls * ms, 0);
  await executor.close();
  training.close();
  unrollArena.close();
  return {
    coordinates: n,
    parts: listed,
    kernelsMs,
    measuredMs,
    efficiency: kernelsMs / measuredMs,
    lstmForwardGflops: (LSTM_FLOPS * n) / listed.find(({ name }) => name === "LSTM step, storing").ms / 1e6,
  };
}
