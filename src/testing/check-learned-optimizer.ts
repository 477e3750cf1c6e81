import type { Arena } from "../kernels/memory.ts";
import { openArena } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import { dot, norm } from "../kernels/vector.ts";
import { type Activations, type LearnedOptimizer, optimizerOf } from "../learned/types.ts";
import { foldIn, type Key, key, normal } from "../random/key.ts";
import { checkOptimizer } from "./check-optimizer.ts";
import { allFinite, expectLayout, expectOf, sameBits } from "./promises.ts";

const SIZE = 37;
const WINDOW = 4;

/**
 * Checks what every learned optimizer promises: a layout without gaps; initial meta-parameters that depend on the key
 * alone; an optimizer that passes `checkOptimizer`; where it can be backpropagated through, windows that take the very
 * steps of that optimizer; a meta-gradient that is the derivative of the updates, by finite differences; the same bits
 * whether activations are stored or computed again.
 *
 * @throws LowlandError `E_CONFIG` that names the promise that was broken
 * @example
 * checkLearnedOptimizer(lstm({ hidden: 8 }));
 */
export function checkLearnedOptimizer(learned: LearnedOptimizer): void {
  const expect = expectOf(`learned optimizer ${learned.name}`);
  expectLayout(expect, learned.layout);
  const { size: count } = learned.layout;
  const metaParams = new Float32Array(count).fill(NaN);
  learned.init(key(1), metaParams);
  expect(allFinite(metaParams), "has initial meta-parameters that are not finite, or leaves some unwritten");
  const again = new Float32Array(count);
  learned.init(key(2), again);
  expect(!sameBits(again, metaParams), "draws the same meta-parameters from different keys");
  learned.init(key(1), again);
  expect(sameBits(again, metaParams), "draws other meta-parameters from the same key");

  const arena = openArena();
  try {
    checkOptimizer(optimizerOf(learned, metaParams));
    expect(sameBits(again, metaParams), "changes its meta-parameters in use");

    if (learned.unroll === undefined) return;
    const stepped = byOptimizer(learned, metaParams, arena);
    const stored = byWindow(learned, metaParams, "stored", arena);
    const recomputed = byWindow(learned, metaParams, "recomputed", arena);
    expect(
      sameBits(stored.params, stepped) && sameBits(recomputed.params, stepped),
      "takes other steps in a window than its optimizer takes in use",
    );
    expect(
      sameBits(stored.metaGradient, recomputed.metaGradient),
      "gives other meta-gradients when activations are computed again",
    );
    expect(allFinite(stored.metaGradient), "leaves entries of the meta-gradient unwritten");

    // u is about 1e-2 and known to 1e-9 or so: with steps of 1e-2 differences are good to 1e-3 of the slope
    const { metaGradient } = stored;
    const length = norm(metaGradient);
    expect(length > 0, "has a meta-gradient of zero");
    const draws = Array.from({ length: 3 }, (_, i) => draw(foldIn(key(9), i), count));
    for (const direction of [metaGradient, ...draws]) {
      const h = 1e-2 / norm(direction);
      const at = (step: number): number => {
        const phi = metaParams.map((entry, i) => entry + step * direction[i]!);
        return objectiveOf(byOptimizer(learned, phi, arena));
      };
      const slope = (at(h) - at(-h)) / (2 * h * norm(direction));
      const expected = dot(metaGradient, direction) / norm(direction);
      expect(
        Math.abs(slope - expected) <= 5e-3 * length,
        `has a meta-gradient of ${expected} along a direction in which the meta-loss rises by ${slope}`,
      );
    }
  } finally {
    arena.close();
  }
}

/** The meta-loss is cotangent · w_T. */
const cotangent = draw(key(7), SIZE);
const layout = layoutOf([{ name: "w", shape: [SIZE] }]);

function objectiveOf(params: Float32Array): number {
  return dot(cotangent, params);
}

function gradientAt(t: number): Float32Array {
  return draw(foldIn(key(3), t), SIZE);
}

/** Where WINDOW steps in use lead from zero. */
function byOptimizer(learned: LearnedOptimizer, metaParams: Float32Array, arena: Arena): Float32Array {
  const optimizer = optimizerOf(learned, metaParams);
  const state = optimizer.init(layout, { arena });
  const params = new Float32Array(SIZE);
  for (let t = 0; t < WINDOW; t++) optimizer.step(params, gradientAt(t), state);
  return params;
}

/** The same as a window, forward and backward. */
function byWindow(
  learned: LearnedOptimizer,
  metaParams: Float32Array,
  activations: Activations,
  arena: Arena,
): { params: Float32Array; metaGradient: Float32Array } {
  const unroll = learned.unroll!({ size: SIZE, window: WINDOW, activations, arena });
  const params = arena.float32(SIZE);
  const gradient = arena.float32(SIZE);
  unroll.begin(metaParams, optimizerOf(learned, metaParams).init(layout, { arena }));
  for (let t = 0; t < WINDOW; t++) {
    gradient.set(gradientAt(t));
    unroll.step(params, gradient);
  }
  // the meta-loss depends on the last point alone
  const points = arena.float32(SIZE * WINDOW);
  points.set(cotangent, SIZE * (WINDOW - 1));
  const metaGradient = arena.float32(learned.layout.size).fill(NaN);
  unroll.backward(points, metaGradient);
  return { params, metaGradient };
}

function draw(from: Key, size: number): Float32Array {
  const vector = new Float32Array(size);
  normal(from, vector);
  return vector;
}
