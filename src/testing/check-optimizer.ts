import { openArena } from "../kernels/module.ts";
import { layoutOf } from "../kernels/types.ts";
import type { Optimizer, OptimizerState } from "../optimizers/types.ts";
import { foldIn, type Key, key, normal } from "../random/key.ts";
import { allFinite, expectOf, refuses, sameBits } from "./promises.ts";

const STEPS = 5;
const HORIZON = 20;
const LOSS = 1.5;

/**
 * Checks what every optimizer promises: `step` changes params and state and leaves the gradient alone, and is `update`
 * and an addition; the counter counts; the same steps give the same bits, in and out of kernel memory, however runs are interleaved; the state is
 * all there is, so that a copy of it goes on with the same bits; a zero gradient does no harm, a NaN is not hidden;
 * vectors of the wrong length are refused.
 *
 * @throws LowlandError `E_CONFIG` that names the promise that was broken
 * @example
 * checkOptimizer(adam({ lr: 0.01 }));
 */
export function checkOptimizer(optimizer: Optimizer): void {
  const expect = expectOf(`optimizer ${optimizer.name}`);
  // one entry, one whole group of lanes, and several with a tail
  for (const size of [1, 16, 37]) {
    const layout = layoutOf([{ name: "w", shape: [size] }]);
    const arena = openArena();
    try {
      const state = (): OptimizerState => optimizer.init(layout, { arena, horizon: HORIZON });
      const inKernels = (values: Float32Array): Float32Array => {
        const vector = arena.float32(size);
        vector.set(values);
        return vector;
      };
      const gradients = Array.from({ length: STEPS }, (_, t) => draw(foldIn(key(1), t), size));

      const params = draw(key(2), size);
      const own = state();
      expect(own.step === 0, "does not start at step 0");
      const start = params.slice();
      let counted = true;
      const points = gradients.map((gradient, t) => {
        const before = gradient.slice();
        optimizer.step(params, gradient, own, { loss: LOSS });
        expect(sameBits(gradient, before), "changes the gradient; copy it first");
        counted &&= own.step === t + 1;
        return params.slice();
      });
      // not at every step: a first gradient may go into the state alone
      expect(!sameBits(params, start), "leaves params as they are");
      expect(counted, "does not count its steps in state.step");
      expect(points.every(allFinite), "leaves the finite numbers on gradients of size 1");

      const [inside, outside] = [inKernels(draw(key(2), size)), draw(key(2), size)];
      const [first, second, third] = [state(), state(), state()];
      let copied = state();
      gradients.forEach((gradient, t) => {
        optimizer.step(inside, inKernels(gradient), first, { loss: LOSS });
        expect(sameBits(inside, points[t]!), "gives other bits in kernel memory than outside");
        optimizer.step(outside, gradient, second, { loss: LOSS });
        expect(sameBits(outside, points[t]!), "mixes up runs; keep everything that changes in the state");
        const before = t === 0 ? draw(key(2), size) : points[t - 1]!;
        const update = new Float32Array(size).fill(NaN);
        optimizer.update(gradient, third, { params: before, loss: LOSS }, update);
        const added = before.map((entry, i) => entry + update[i]!);
        expect(sameBits(added, points[t]!), "writes other updates than it steps by");
        const resumed = t === 0 ? draw(key(2), size) : points[t - 1]!.slice();
        optimizer.step(resumed, gradient, copied, { loss: LOSS });
        expect(
          sameBits(resumed, points[t]!),
          "does not go on from a copy of its state; keep everything in it",
        );
        copied = copyOf(second);
      });

      const still = draw(key(3), size);
      optimizer.step(still, new Float32Array(size), state(), { loss: LOSS });
      expect(allFinite(still), "is not finite where the gradient is zero");

      const broken = gradients[0]!.slice();
      broken[0] = NaN;
      const spoilt = draw(key(3), size);
      const begun = state();
      optimizer.step(spoilt, gradients[0]!, begun, { loss: LOSS });
      optimizer.step(spoilt, broken, begun, { loss: LOSS });
      expect(!allFinite(spoilt), "hides a NaN in the gradient; let it through");

      expect(
        refuses(() => optimizer.step(draw(key(4), size), new Float32Array(size + 1), state())),
        "takes a gradient that is longer than params; throw E_SHAPE",
      );
    } finally {
      arena.close();
    }
  }
}

function draw(from: Key, size: number): Float32Array {
  const vector = new Float32Array(size);
  normal(from, vector);
  return vector;
}

function copyOf(state: OptimizerState): OptimizerState {
  const vectors = Object.entries(state.vectors).map(([name, vector]) => {
    const copy = openArena().float32(vector.length);
    copy.set(vector);
    return [name, copy] as const;
  });
  return { ...state, vectors: Object.fromEntries(vectors) };
}
