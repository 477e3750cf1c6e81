import { openArena } from "../kernels/module.ts";
import { kernelOps, type Ops, referenceOps } from "../kernels/ops.ts";
import type { Slot, Vector } from "../kernels/types.ts";
import { axpy, scale } from "../kernels/vector.ts";
import { type Settings, settle } from "../spec.ts";
import { defineOptimizer, requireLength, zeros } from "./define.ts";
import { orthogonalize } from "./newton-schulz.ts";
import { muonParameters } from "./parameters.ts";
import { adamUpdate, LEAST_MOMENT, power, settled } from "./reference.ts";
import { slotsNamed } from "./slots.ts";
import type { Optimizer } from "./types.ts";

/** Settings of Muon: `lr`, `momentum`, `iterations`, `decay`, `matrices`, and `adamLr`, `b1`, `b2`, `eps` of AdamW. */
export type MuonOptions = Partial<Settings<typeof muonParameters>>;

/**
 * Muon: momentum made orthogonal. For a matrix W (a × b) with gradient G, M ← μ·M + (1−μ)·G;
 * O = NS(μ·M + (1−μ)·G), nearly the orthogonal factor (`orthogonalize`); W ← W − lr·(√max(1, a/b)·O + decay·W).
 * Everything else is trained by AdamW at the learning rate `adamLr`.
 *
 * Of a tensor with more than two dimensions the first are the rows: the outputs of a layer. A step costs
 * O(iterations·ab·min(a, b)).
 *
 * @param options `matrices`: what is orthogonalized where it is a matrix, as in `slotsNamed`. By its authors' advice the
 * last layer and embeddings are left out.
 * @see Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024
 */
export function muon(options: MuonOptions = {}): Optimizer {
  const settings = settle("optimizer muon", muonParameters, options);
  const { lr, momentum, iterations, decay, matrices, adamLr, b1, b2, eps } = settings;

  function orthogonal({ size, shape }: Slot, g: Vector, m: Vector, out: Vector, ops: Ops): void {
    const rows = shape[0]!;
    const cols = size / rows;
    for (let i = 0; i < size; i++) {
      const entry = settled(momentum * m[i]! + (1 - momentum) * g[i]!, LEAST_MOMENT);
      m[i] = entry;
      out[i] = momentum * entry + (1 - momentum) * g[i]!;
    }
    orthogonalize(out, rows, cols, { iterations, ops });
    scale(-lr * Math.sqrt(Math.max(1, rows / cols)), out);
  }

  return defineOptimizer({
    name: "muon",
    settings,
    reads: { params: true, shapes: true },
    init(layout, start) {
      slotsNamed(matrices, layout);
      return zeros(layout, ["mu", "nu"], start);
    },
    update(gradient, state, { params }, update) {
      const { layout, vectors } = state;
      requireLength("muon", gradient, layout.size, "gradient has");
      requireLength("muon", params, layout.size, "params have");
      state.step++;
      const adam = {
        lr: adamLr,
        b1,
        b2,
        eps,
        c1: 1 - power(b1, state.step),
        c2: 1 - power(b2, state.step),
        shrink: adamLr * decay,
      };
      const chosen = new Set(slotsNamed(matrices, layout).filter(isMatrix));
      const arena = openArena();
      const ops = update instanceof Float32Array ? kernelOps(arena) : referenceOps;
      try {
        for (const slot of layout.slots) {
          const part = <V extends Vector>(vector: V) =>
            vector.subarray(slot.offset, slot.offset + slot.size) as V;
          const [u, g, w, m] = [part(update), part(gradient), part(params), part(vectors.mu!)];
          if (chosen.has(slot)) {
            orthogonal(slot, g, m, u, ops);
            axpy(-lr * decay, w, u);
          } else adamUpdate(u, g, w, m, part(vectors.nu!), adam);
        }
      } finally {
        arena.close();
      }
    },
  });
}

function isMatrix({ shape, size }: Slot): boolean {
  return shape.length > 1 && shape[0]! > 1 && size > shape[0]!;
}
